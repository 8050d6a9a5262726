"""The shapes of ASGI 3.0 that this package uses, and the limits of one source."""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class IngestLimits:
    """What one source allows; the names are those of the config.

    Attributes:
        max_body_bytes: Array bodies, as sent and decompressed, bytes.
        max_ndjson_body_bytes: NDJSON bodies, as sent, bytes; 0 = no limit.
        max_decompressed_bytes: Compressed bodies once decompressed, bytes.
        max_request_records: Lines or elements per request; 0 = no limit.
        max_request_days: Different days of the readings of a request; 0 = no limit.
        max_request_errors: Bad lines or elements per request, if fewer are good; 0 = no limit.
        max_line_bytes: One line without its newline, bytes.
        max_future_minutes: How far ahead a reading may be; 0 = no limit.
        body_idle_timeout_s: Longest wait for the next bytes of a body, seconds.
        body_min_rate_bytes: Least rate of a body, bytes per second over that time; 0 = off.
        delivery_timeout_s: Longest wait for room or for the end of the taken rows, seconds.
        held_body_bytes: All array bodies of a worker together, bytes; `channel_capacity_bytes`.
        window_bytes: All decompression windows of a worker together, bytes; `max_window_bytes`.
    """

    max_body_bytes: int
    max_ndjson_body_bytes: int
    max_decompressed_bytes: int
    max_request_records: int
    max_request_days: int
    max_line_bytes: int
    max_future_minutes: int
    body_idle_timeout_s: float
    body_min_rate_bytes: int
    delivery_timeout_s: float
    held_body_bytes: int = 64 * 1024 * 1024
    max_request_errors: int = 10_000
    window_bytes: int = 32 * 1024 * 1024

    def plain_bytes_max(self, *, ndjson: bool) -> tuple[int, str]:
        """Return the bound on a compressed body once decompressed, and the setting it is from."""
        body_bytes_max = self.max_ndjson_body_bytes if ndjson else self.max_body_bytes
        if 0 < body_bytes_max < self.max_decompressed_bytes:
            return body_bytes_max, "max_ndjson_body_bytes" if ndjson else "max_body_bytes"
        return self.max_decompressed_bytes, "max_decompressed_bytes"
