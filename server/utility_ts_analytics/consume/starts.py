"""Where the reading of a partition begins: where the group stopped, if the log still has that.

Messages that were deleted before they were read are a loss, and are counted. A topic that was
deleted and made again has other messages at the same offsets: it is read from its beginning.
Offsets without a message, as compaction and transactions leave them, are no loss: only what is
below the beginning of the partition is.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

import msgspec
import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition

from utility_ts_analytics.clock import Clock
from utility_ts_analytics.consume.claims import Claim, Progress
from utility_ts_analytics.consume.topic_facts import ANSWER_S, UNANSWERED, TopicFacts

_TRY_EVERY_S: Final = 0.5
_SAME_TROUBLE_S: Final = 30.0

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("consumer")


@dataclass(frozen=True, slots=True)
class Start:
    """Where to begin.

    Attributes:
        offset: Lowest one to read.
        lost: Offsets before it that were deleted and are not stored, >= 0.
        again: Why all of the partition is read again, in one line; empty if it is not.
    """

    offset: int
    lost: int = 0
    again: str = ""


def start_of(wanted: int | None, low: int, high: int, *, again: str = "") -> Start:
    """Return where to begin. Pure.

    Args:
        wanted: Lowest offset that is not stored; None if the group has committed nothing.
        low: Lowest offset of the partition.
        high: Offset behind its last message.
        again: Why `wanted` says nothing of these messages; empty if it does.
    """
    if wanted is None:
        return Start(low)
    if wanted > high and not again:
        again = f"the log ends at offset {high}, and was stored up to {wanted}"
    if again:
        return Start(low, again=again)
    return Start(max(wanted, low), lost=max(0, low - wanted))


class Starts:
    """Finds out where to begin. On the thread of the consumer; waits for brokers.

    Args:
        consumer: Asked for what the group has committed.
        facts: Of the topic.
        topic: Its name.
        clock: For waits, and the time of a loss.
    """

    def __init__(self, consumer: Consumer, facts: TopicFacts, topic: str, clock: Clock) -> None:
        self._consumer = consumer
        self._facts = facts
        self._topic = topic
        self._clock = clock
        self._try_at_s = 0.0
        self._log_at_s = 0.0

    def place(self, claims: Collection[Claim]) -> list[Claim]:
        """Return the successors of claims that wait for their place, as far as it is found.

        Args:
            claims: All. Those of a topic that is there no more are told to wait.
        """
        topic_id = self._facts.topic_id()
        for claim in claims:
            if claim.known.is_of_other(topic_id):
                claim.placed = False
        now_s = self._clock.monotonic_s()
        waiting = [claim for claim in claims if claim.waits_for_place]
        if not waiting or now_s < self._try_at_s:
            return []
        self._try_at_s = now_s + _TRY_EVERY_S
        try:
            return list(self._placed(waiting))
        except UNANSWERED as error:
            if now_s >= self._log_at_s:
                self._log_at_s = now_s + _SAME_TROUBLE_S
                reason = str(error) or "no answer in time"
                _log.warning("cannot find where to read on", topic=self._topic, reason=reason)
            return []

    def _placed(self, claims: Collection[Claim]) -> Iterator[Claim]:
        committed = self._committed([one.partition for one in claims if one.position is None])
        bounds = self._facts.bounds([claim.partition for claim in claims])
        topic_id = self._facts.topic_id()
        for claim in claims:
            if claim.partition not in bounds:
                continue
            wanted, known = committed.get(claim.partition, (claim.next_offset, claim.progress))
            again = claim.again
            if known.is_of_other(topic_id):
                again = "the topic was deleted and made again"
            start = start_of(wanted, *bounds[claim.partition], again=again)
            known = msgspec.structs.replace(known, topic_id=topic_id or known.topic_id)
            if start.lost:
                known = known.with_loss(start.lost, self._clock.wall_ns() // 1_000_000)
            self._tell(claim.partition, start)
            yield Claim(claim.partition, start.offset, known)

    def _committed(self, partitions: Collection[int]) -> dict[int, tuple[int | None, Progress]]:
        if not partitions:
            return {}
        asked = [TopicPartition(self._topic, number) for number in partitions]
        found: dict[int, tuple[int | None, Progress]] = {}
        for one in self._consumer.committed(asked, timeout=ANSWER_S):
            if one.error is not None:
                raise KafkaException(one.error)
            offset = one.offset if one.offset >= 0 else None
            found[one.partition] = offset, Progress.parse(one.metadata)
        return found

    def _tell(self, partition: int, start: Start) -> None:
        where = {"topic": self._topic, "partition": partition}
        if start.lost:
            _log.error(
                "messages were deleted before they were stored",
                **where,
                first_offset=start.offset - start.lost,
                end_offset=start.offset,
                messages=start.lost,
            )
        if start.again:
            _log.warning("all of a partition is read again", **where, reason=start.again)
