"""What every sink promises, and the four ways a send can end.

Expected trouble is a value, never an exception: `Delivered | RetryLater | Rejected | InDoubt`.
`tests/contract/` holds every kind of sink to this page.
"""

from dataclasses import dataclass
from typing import Protocol, TypeVar

from utility_ts_analytics.buffering.block import Block, FailureCode

PayloadT = TypeVar("PayloadT")


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
        may_come_late: Whether the server may still carry the request out: nobody waited for its
            answer any longer. False where the server itself ended the connection or answered.
    """

    reason: str
    may_come_late: bool = False


Outcome = Delivered | RetryLater | Rejected | InDoubt


class Sink(Protocol[PayloadT]):
    """One connection to one backend. Not thread-safe: each lane owns its own."""

    @property
    def name(self) -> str:
        """Name in labels and logs: `ilp` or `pgwire`."""
        ...

    def new_payload(self) -> PayloadT:
        """Return an empty payload; `encode` fills it, `send` ships it, `clear` empties it."""
        ...

    def encode(self, block: Block, payload: PayloadT) -> None:
        """Append the rows of `block` to `payload`. No I/O, no clock; same in, same out."""
        ...

    def clear(self, payload: PayloadT) -> None:
        """Empty `payload` for the next batch, keeping its memory."""
        ...

    async def send(self, payload: PayloadT, *, timeout_s: float) -> Outcome:
        """Ship one payload whole and report what happened to it.

        Args:
            payload: Filled by `encode`; unchanged afterwards, so that it can be sent again.
            timeout_s: The call returns within this time, in seconds.

        Returns:
            One outcome for the whole payload. Expected failures are values, not exceptions.

        Raises:
            asyncio.CancelledError: Only when the lane is being killed, never on a timeout.
        """
        ...

    async def close(self) -> None:
        """Release connections and threads. Idempotent."""
        ...
