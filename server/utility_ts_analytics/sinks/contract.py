"""What every sink promises, and the four ways a send can end.

Expected trouble is a value, never an exception: `Delivered | RetryLater | Rejected | InDoubt`.
`tests/contract/` holds every kind of sink to this page.
"""

from dataclasses import dataclass
from typing import Protocol

from utility_ts_analytics.buffering.block import Block, FailureCode


@dataclass(frozen=True, slots=True)
class Delivered:
    """Every row of the payload is in the table's write-ahead log (or, unacknowledged, sent)."""


@dataclass(frozen=True, slots=True)
class RetryLater:
    """Nothing of the payload was stored; the same payload may succeed later.

    Attributes:
        reason: One line without payload or secret, for logs and the client.
        code: What the request answers if it stays so.
    """

    reason: str
    code: FailureCode = "sink-unavailable"


@dataclass(frozen=True, slots=True)
class Rejected:
    """The database refuses a row for good; nothing of the payload was stored.

    Attributes:
        row_index: Which row of the payload, from 0, or None where the database does not say.
        reason: One line without payload or secret.
    """

    row_index: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class InDoubt:
    """The connection broke after bytes left; rows may or may not be stored.

    Safe to resend only where the table deduplicates on its business key.

    Attributes:
        reason: One line without payload or secret.
        may_come_late: Whether the server may still carry the request out: the client stopped
            waiting for its answer. False where the server itself ended the connection or answered.
    """

    reason: str
    may_come_late: bool = False


Outcome = Delivered | RetryLater | Rejected | InDoubt


class Payload(Protocol):
    """Rows as one sink sends them. Made by `Sink.new_payload`; not used after `Sink.close`."""

    def encode(self, block: Block) -> None:
        """Append the rows of `block`. No I/O, no clock; same in, same out."""
        ...

    async def send(self, *, timeout_s: float) -> Outcome:
        """Send all rows as a whole and report what happened to them.

        The payload is unchanged afterwards, so that it can be sent again. One send at a time,
        over all payloads of a sink.

        Args:
            timeout_s: The call returns within this time, in seconds.

        Returns:
            One outcome for the whole payload. Expected failures are values, not exceptions.

        Raises:
            asyncio.CancelledError: Only when the lane is being killed, never on a timeout.
        """
        ...


class Sink(Protocol):
    """One connection to one backend. Not thread-safe: each lane owns its own."""

    @property
    def name(self) -> str:
        """Name in labels and logs: `ilp` or `pgwire`."""
        ...

    def new_payload(self) -> Payload:
        """Return an empty payload. The next one may be filled while one is being sent."""
        ...

    async def close(self) -> None:
        """Release connections and threads. Idempotent."""
        ...
