"""What is known of one request when it is answered, and the answer that this makes."""

import uuid
from dataclasses import dataclass
from typing import Literal

from utility_ts_analytics.asgi.noted_errors import AnsweredRequest
from utility_ts_analytics.asgi.responses import Json, send_json, send_problem
from utility_ts_analytics.asgi.types import IngestLimits, Send
from utility_ts_analytics.buffering.intake import IntakeSession
from utility_ts_analytics.errors import ClientError, NothingAccepted
from utility_ts_analytics.reading.summary import ReadSummary
from utility_ts_analytics.telemetry.token_counts import TokenCounts

Ack = Literal["committed", "enqueued"]


@dataclass(frozen=True, slots=True)
class IngestSettings:
    """How one stream's requests are treated.

    Attributes:
        stream: Name in the path, the log and the answers.
        limits: Bounds of one request.
        strict: Whether the first bad line ends a request that does not say.
        ack: What a 200 promises.
        allowed_origins: Of pages that may post, lower case.
    """

    stream: str
    limits: IngestLimits
    strict: bool
    ack: Ack
    allowed_origins: frozenset[str] = frozenset()


class Exchange:
    """What is known of one request when it is answered."""

    def __init__(self, settings: IngestSettings, tokens: TokenCounts, *, ndjson: bool) -> None:
        self.summary = ReadSummary()
        self.session: IntakeSession | None = None
        self.error: ClientError | None = None
        self.validate_only = False
        self.request_id = uuid.uuid4().hex  # ours: what a client calls its request is not looked at
        self.token_name: str | None = None  # of its holder, once it is known
        self.holder = ""  # who shares places and memory with it
        self._settings = settings
        self._tokens = tokens
        self._position_name = "line" if ndjson else "index"

    @property
    def storing_session(self) -> IntakeSession | None:
        """Where rows go; None for a request that only has them checked."""
        return None if self.validate_only else self.session

    async def send(self, send: Send) -> int:
        """Answer with what became of the rows; return how many were accepted."""
        accepted = self._accepted_rows()
        if self.token_name is not None:  # published with the answer: asgi/metering.py
            self._tokens.add(self.token_name, 0 if self.validate_only else accepted)
        if self.session is not None:
            self.summary.add_errors(self.session.settlement.rejected)
        if self.error is None and accepted == 0 and self.summary.lines > 0:
            self.error = NothingAccepted("every line was refused; `errors` says why")
        counts = self._counts()
        if self.error is None:
            ack = "validated" if self.validate_only else self._ack()
            document = {"accepted": accepted, **counts, "ack": ack, "request_id": self.request_id}
            await send_json(send, 202 if ack == "spooled" else 200, document)
            return accepted
        extra = {"ack": self._ack(), **counts} if self.session is not None else counts
        await send_problem(
            send, self.error, request_id=self.request_id, accepted=accepted, extra=extra
        )
        return accepted

    def answered(self, accepted: int) -> AnsweredRequest:
        """Return what is told of this request."""
        stream = self._settings.stream
        return AnsweredRequest(stream, self.request_id, accepted, self.summary, self.token_name)

    def _ack(self) -> str:
        """Return the promise that holds for every accepted row."""
        spooled = self.session is not None and self.session.settlement.spooled_rows > 0
        return "spooled" if spooled and self._settings.ack == "committed" else self._settings.ack

    def _accepted_rows(self) -> int:
        if self.validate_only:
            return self.summary.valid_rows if self.error is None else 0
        if self.session is None:
            return 0
        settlement = self.session.settlement
        if self._settings.ack == "enqueued":
            return settlement.taken_rows - settlement.failed_rows - len(settlement.rejected)
        return settlement.stored_rows + settlement.spooled_rows

    def _counts(self) -> dict[str, Json]:
        errors: list[Json] = []
        for error in self.summary.errors:
            listed: dict[str, Json] = {self._position_name: error.position, "code": error.code}
            if error.field is not None:
                listed["field"] = error.field
            errors.append({**listed, "detail": error.detail})
        return {
            "parse_errors": self.summary.parse_errors,
            "rejected": self.summary.rejected,
            "errors": errors,
            "errors_truncated": self.summary.errors_truncated,
        }
