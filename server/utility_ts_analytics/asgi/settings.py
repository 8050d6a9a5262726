"""How the requests of one stream are treated. Limits have the names of their settings."""

from dataclasses import dataclass
from typing import Literal

from utility_ts_analytics.errors import ClientError, TooManyDays, TooManyErrors, TooManyRecords
from utility_ts_analytics.reading.summary import ReadSummary

Ack = Literal["committed", "replicated", "enqueued"]
"""In QuestDB's log; on every in-sync replica of Kafka's (status 202); in this process's memory."""


@dataclass(frozen=True, slots=True)
class IngestLimits:
    """The limits of one source.

    Attributes:
        max_body_bytes: Array bodies, as sent and decompressed, bytes.
        max_ndjson_body_bytes: NDJSON bodies, as sent, bytes; 0 = no limit.
        max_decompressed_bytes: Compressed bodies once decompressed, bytes.
        max_request_records: Lines or elements per request; 0 = no limit.
        max_request_days: Different days of the readings of a request; 0 = no limit.
        max_line_bytes: One line without its newline, bytes.
        max_future_minutes: How far ahead a reading may be; 0 = no limit.
        body_idle_timeout_ms: Longest wait for the next bytes of a body.
        body_min_rate_bytes: Least rate of a body, bytes per second over that time; 0 = off.
        delivery_timeout_ms: Longest wait for room, and half the longest wait for the rows to end.
        channel_capacity_bytes: All array bodies of a worker together, bytes.
        max_request_errors: Bad lines or elements per request, if fewer are good; 0 = no limit.
        max_window_bytes: All decompression windows of a worker together, bytes.
    """

    max_body_bytes: int
    max_ndjson_body_bytes: int
    max_decompressed_bytes: int
    max_request_records: int
    max_request_days: int
    max_line_bytes: int
    max_future_minutes: int
    body_idle_timeout_ms: int
    body_min_rate_bytes: int
    delivery_timeout_ms: int
    channel_capacity_bytes: int = 64 * 1024 * 1024
    max_request_errors: int = 10_000
    max_window_bytes: int = 32 * 1024 * 1024

    def body_max(self, *, ndjson: bool) -> tuple[int, str]:
        """Return the bound on a body as sent, bytes (0 = no limit), and the name of its setting."""
        if ndjson:
            return self.max_ndjson_body_bytes, "max_ndjson_body_bytes"
        return self.max_body_bytes, "max_body_bytes"

    def decompressed_max(self, *, ndjson: bool) -> tuple[int, str]:
        """Return the bound on a compressed body once decompressed, and the name of its setting."""
        bytes_max, name = self.body_max(ndjson=ndjson)
        if 0 < bytes_max < self.max_decompressed_bytes:
            return bytes_max, name
        return self.max_decompressed_bytes, "max_decompressed_bytes"

    @property
    def settled_within_s(self) -> float:
        """The longest wait for the rows of a request to end, seconds."""
        return 2 * self.delivery_timeout_ms / 1000

    def check_or_raise(self, summary: ReadSummary) -> None:
        """Hold what was read of a request so far to the limits.

        Raises:
            ClientError: As `exceeded` returns it.
        """
        error = self.exceeded(summary.lines, summary.valid_rows, len(summary.days))
        if error is not None:
            raise error

    def exceeded(self, lines: int, valid_rows: int, days: int) -> ClientError | None:
        """Return which limit a request is over, or None.

        Args:
            lines: Lines or elements read so far that are not blank.
            valid_rows: Of these, the ones that are a valid record.
            days: On which the valid ones lie.
        """
        if 0 < self.max_request_records < lines:
            return TooManyRecords(
                f"the body has more than {self.max_request_records} records (max_request_records)"
            )
        bad = lines - valid_rows
        if 0 < self.max_request_errors < bad and bad > valid_rows:
            return TooManyErrors(
                f"more than {self.max_request_errors} records were refused, and fewer were valid"
                " (max_request_errors)"
            )
        if 0 < self.max_request_days < days:
            return TooManyDays(
                f"the readings lie on more than {self.max_request_days} different days"
                " (max_request_days): send them in several requests; `accepted` says how many are"
                " stored"
            )
        return None


@dataclass(frozen=True, slots=True)
class IngestSettings:
    """The settings of one stream.

    Attributes:
        stream: Name in the path, the log and the answers.
        limits: Bounds of one request.
        ndjson_strict: Whether the first bad line ends a request, unless the request says.
        ack: What an answer promises.
        allowed_origins: Origins of pages that may post, lower case.
    """

    stream: str
    limits: IngestLimits
    ndjson_strict: bool
    ack: Ack
    allowed_origins: frozenset[str] = frozenset()
