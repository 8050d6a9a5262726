"""What this consumer holds: partitions with the offsets that are settled, and the proof of it.

A claim is one partition from its assignment to the moment when it goes to another consumer, or
when its records have to be read again. Rows carry the claim under which they were read, so that no
row of a claim that has ended is written.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from utility_ts_analytics.buffering.block import Block, Failure, Settlement

PROOF_SHARE_MAX: Final = 1 / 2
"""Of the session time-out: a proof that is older is none, so that a request which begins now has
ended before the coordinator gives the partitions to another consumer."""

PROOF_SHARE_WANTED: Final = 1 / 4
"""Of the session time-out: an older proof is renewed before the next write."""

REQUEST_SHARE_MAX: Final = 1 / 4
"""Of the session time-out: longest single request to QuestDB."""


_MEAN_MESSAGES: Final = 200
"""About how many of the last messages the mean of their rows is of."""


class Progress(msgspec.Struct, frozen=True):
    """What goes with a committed offset, for those who look at the group.

    Attributes:
        until_ms: Time stamp up to which everything of the partition is stored; milliseconds since
            1970, 0 if no message was read.
        rows_per_message: Mean of the last messages of the partition, >= 0; None if it is not known.
        topic_id: Of the topic that the offset belongs to; empty if brokers do not say.
        lost: Messages of the partition that were deleted before the group had stored them, >= 0,
            in all.
        lost_ms: When that was seen last, milliseconds since 1970; 0 if nothing was lost.
    """

    until_ms: int = 0
    rows_per_message: float | None = None
    topic_id: str = ""
    lost: int = 0
    lost_ms: int = 0

    def is_of_other(self, topic_id: str) -> bool:
        """Tell whether the offset belongs to another topic than this one, as far as is known."""
        return "" not in {self.topic_id, topic_id} and self.topic_id != topic_id

    def with_loss(self, messages: int, wall_ms: int) -> "Progress":
        """Return it with messages that were deleted before they were stored, as seen now."""
        return msgspec.structs.replace(self, lost=self.lost + messages, lost_ms=wall_ms)

    def text(self) -> str:
        """Return it as the metadata of a commit."""
        return msgspec.json.encode(self).decode()

    @classmethod
    def parse(cls, text: str | None) -> "Progress":
        """Return what a commit says; of a commit that is not ours nothing is known."""
        try:
            return msgspec.json.decode(text or "", type=cls)
        except msgspec.DecodeError:
            return cls()


_NOTHING_KNOWN: Final = Progress()


class Claim:
    """One partition as long as its records may be written. Made by the consumer's thread.

    Args:
        partition: Its number.
        start: Offset from which on messages are read; None if that has yet to be found out.
        known: What was committed of the partition.

    Attributes:
        next_offset: Lowest offset whose records are not settled; None without `start`.
        position: Offset behind the last message that was handed over, or `start`.
        placed: Whether messages are taken from here; False until it is known where to begin, and
            again once the log does not have what comes next.
        held: Whether rows read under this claim may be written; never true again once false.
        leaving: Whether no more of its messages are to be handed over.
        until_ms: Time stamp of the first message that is not settled, as far as it was read; of
            the last settled one otherwise. Milliseconds since 1970, 0 if no message was read.
        again: Why all of the partition has to be read again, once it waits for its place; empty if
            it has not.
        known: As given.
    """

    __slots__ = (
        *("_messages", "_rows", "again", "held", "known", "leaving", "next_offset", "partition"),
        *("placed", "position", "until_ms"),
    )

    def __init__(
        self, partition: int, start: int | None = None, known: Progress = _NOTHING_KNOWN
    ) -> None:
        self.partition = partition
        self.next_offset = self.position = start
        self.known = known
        self.placed = start is not None
        self.again = ""
        self.held = True
        self.leaving = False
        self.until_ms = 0
        self._rows = self._messages = 0.0

    def note_rows(self, rows: int, messages: int) -> None:
        """Take the records of settled messages into their mean.

        Args:
            rows: Stored or refused, >= 0.
            messages: That they were in, >= 1.
        """
        kept = 1.0 if self._messages < _MEAN_MESSAGES else 0.5
        self._rows = self._rows * kept + rows
        self._messages = self._messages * kept + messages

    @property
    def waits_for_place(self) -> bool:
        """Whether it is time to find out where to begin: everything handed over is settled."""
        return self.held and not self.placed and self.next_offset == self.position

    @property
    def progress(self) -> Progress:
        """What goes with the commit of `next_offset`."""
        mean = round(self._rows / self._messages, 2) if self._messages else None
        known = self.known
        return msgspec.structs.replace(
            known,
            until_ms=self.until_ms or known.until_ms,
            rows_per_message=known.rows_per_message if mean is None else mean,
        )


class ClaimSettlement(Settlement):
    """The rows of some messages of one claim, and how they ended.

    Args:
        claim: That they were read under. It ends with the first row that is given back: a later
            row must not be written before that one.
    """

    def __init__(self, claim: Claim) -> None:
        super().__init__()
        self.claim = claim

    def fail(self, rows: int, failure: Failure) -> None:
        """Count `rows` as given back, and end the claim."""
        self.claim.held = False
        super().fail(rows, failure)


def claim_of(block: Block) -> Claim:
    """Return the claim under which the rows of a block were read."""
    settlement = block.settlement
    assert isinstance(settlement, ClaimSettlement)  # noqa: S101  `Reader` makes no other
    return settlement.claim


class Lease:
    """When the coordinator last proved that this consumer is a member of its group.

    An accepted commit is the proof: the coordinator refuses it from any other generation. That the
    client has just returned messages is none: after a freeze it returns those that it had fetched
    before, and notices the lost session later.

    Args:
        session_timeout_s: Silence after which the coordinator gives the partitions away, seconds.
        boot_s: Time, seconds, that counts on while the machine is suspended (`Clock.boot_s`).
    """

    def __init__(self, session_timeout_s: float, boot_s: Callable[[], float]) -> None:
        self.session_timeout_s = session_timeout_s
        self._boot_s = boot_s
        self._proved_s: float | None = None

    @property
    def now_s(self) -> float:
        """The time of this lease."""
        return self._boot_s()

    @property
    def holds(self) -> bool:
        """Whether a request to QuestDB may begin now."""
        return self._age_s < self.session_timeout_s * PROOF_SHARE_MAX

    @property
    def wants_proof(self) -> bool:
        """Whether it is time for another proof."""
        return self._age_s > self.session_timeout_s * PROOF_SHARE_WANTED

    def prove(self, asked_s: float) -> None:
        """Note a proof.

        Args:
            asked_s: When the coordinator was asked, not when it answered.
        """
        self._proved_s = asked_s

    @property
    def _age_s(self) -> float:
        return float("inf") if self._proved_s is None else self._boot_s() - self._proved_s
