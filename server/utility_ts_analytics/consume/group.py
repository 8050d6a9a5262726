"""One member of a consumer group: the only door to Kafka's consumer.

The client may wait in every call, so one thread of its own polls, and another one commits. The
polling thread alone makes, ends and replaces claims; between two polls nothing is reassigned.
"""

import asyncio
import math
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Final, cast

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as ClientMessage

from utility_ts_analytics.clock import Clock
from utility_ts_analytics.config import KafkaConfig
from utility_ts_analytics.consume.claims import Claim
from utility_ts_analytics.consume.consumer_options import consumer_options
from utility_ts_analytics.consume.pieces import Message
from utility_ts_analytics.consume.starts import Starts
from utility_ts_analytics.consume.topic_facts import TopicFacts
from utility_ts_analytics.sinks.kafka.client import ClientThread, cause_of
from utility_ts_analytics.sinks.kafka.messages import Headers

MESSAGES_MAX: Final = 10_000
"""Most messages of one poll."""

_SAME_TROUBLE_S: Final = 30.0

_OUT_OF_RANGE: Final = {
    KafkaError._AUTO_OFFSET_RESET: "",
    KafkaError._LOG_TRUNCATION: "brokers have lost the end of the log",
}
"""The client stops reading a partition whose next offset the log does not have; by the code, why
all of the partition has to be read again."""

Release = Callable[[Sequence[Claim]], Coroutine[None, None, None]]
"""Finishes what is in flight of claims that go to another consumer, in bounded time."""

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("consumer")


class FatalClientError(Exception):
    """The client cannot go on; the worker has to be replaced."""


class GroupMember:
    """Reads one topic as a member of a consumer group. One event loop.

    Args:
        kafka: The configuration.
        group: Name of the consumer group.
        topic: The topic.
        release: Awaited on the event loop before partitions go to another consumer.
        clock: Time.
        ends: By partition, the offset from which on messages are left alone.

    Attributes:
        rebalances: How often partitions came, went or were lost.
    """

    def __init__(
        self,
        kafka: KafkaConfig,
        group: str,
        topic: str,
        *,
        release: Release,
        clock: Clock,
        ends: Mapping[int, int] = MappingProxyType({}),
    ) -> None:
        self.rebalances = 0
        self._topic = topic
        self._release = release
        self._clock = clock
        self._ends = ends
        self._claims: dict[int, Claim] = {}
        self._polling = ClientThread("kafka-poll")
        self._committing = ClientThread("kafka-commit")
        self._logged: dict[str, float] = {}
        self._consumer = Consumer(consumer_options(kafka, group, self._note_error))
        self._starts = Starts(self._consumer, TopicFacts(kafka, topic, clock), topic, clock)
        self._closing = False
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def claims(self) -> list[Claim]:
        """What is assigned now; claims whose records have to be read again are among them."""
        return list(self._claims.values())

    def owns(self, claim: Claim) -> bool:
        """Tell whether its partition is assigned, and the claim is the latest one of it."""
        return self._claims.get(claim.partition) is claim

    async def join(self) -> None:
        """Join the group; partitions come with later polls."""
        self._loop = asyncio.get_running_loop()
        await self._polling.run(
            lambda: self._consumer.subscribe(
                [self._topic],
                on_assign=self._assigned,
                on_revoke=self._revoked,
                on_lost=self._lost,
            )
        )

    async def poll(self, wait_s: float, bytes_max: int) -> list[Message]:
        """Return messages, in the order of each partition; empty if none came in time.

        Args:
            wait_s: Longest wait for the first one, seconds.
            bytes_max: About how many bytes of values; the last one may be over it.

        Raises:
            FatalClientError: This member cannot go on.
        """
        return await self._polling.run(lambda: self._poll(wait_s, bytes_max))

    async def pause(self, which: Callable[[int], bool]) -> None:
        """Fetch nothing for those of the assigned partitions that are meant; polls go on."""
        await self._polling.run(lambda: self._consumer.pause(self._partitions(which)))

    async def resume(self, which: Callable[[int], bool]) -> None:
        """Undo `pause`; the same argument."""
        await self._polling.run(lambda: self._consumer.resume(self._partitions(which)))

    async def read_again(self, which: Callable[[int], bool]) -> None:
        """Replace every claim that has ended, and read its partition from what is not settled.

        Only of partitions that are meant; nothing of them is in flight.
        """
        await self._polling.run(lambda: self._read_again(which))

    async def commit(self, claims: Sequence[Claim]) -> dict[Claim, int]:
        """Commit what is settled of claims.

        Returns:
            The offsets, if the coordinator has accepted all of them. None are asked for claims
            without a message, or that are not assigned any more.
        """
        return await self._committing.run(partial(self._commit, claims))

    async def close(self) -> None:
        """Leave the group, so that others take over at once; commits nothing. Once.

        Waits for brokers as long as they take; may be cancelled.
        """
        self._closing = True
        try:
            await self._polling.run(self._consumer.close)
        finally:
            self._polling.close()
            self._committing.close()

    # On the polling thread

    def _poll(self, wait_s: float, bytes_max: int) -> list[Message]:
        # One by one: only so is a message returned after the callbacks of a rebalance that came
        # before it, and gets the claim under which it was read.
        for placed in self._starts.place(self._claims.values()):
            self._claims[placed.partition] = placed
            self._read_from(placed.partition, placed.next_offset)
            self._consumer.resume([TopicPartition(self._topic, placed.partition)])
        found: list[Message] = []
        size_bytes = 0
        message = self._consumer.poll(wait_s)
        while message is not None:
            error = message.error()
            claim = self._claims.get(message.partition() or 0)
            if error is not None:
                self._take_error(claim, error)
            elif claim is not None and claim.placed:
                read = _message(claim, message)
                if read.offset < self._ends.get(claim.partition, math.inf):
                    claim.position = read.offset + 1
                    found.append(read)
                    size_bytes += read.size_bytes
            if size_bytes >= bytes_max or len(found) >= MESSAGES_MAX:
                break
            message = self._consumer.poll(0)
        return found

    def _take_error(self, claim: Claim | None, error: KafkaError) -> None:
        if error.fatal():
            raise FatalClientError(cause_of(error))
        if claim is not None and error.code() in _OUT_OF_RANGE:
            claim.placed, claim.again = False, _OUT_OF_RANGE[error.code()]
        else:
            self._note_error(error)

    def _read_from(self, partition: int, offset: int | None) -> None:
        if offset is None:  # it is not known yet, and nothing is read
            return
        place = TopicPartition(self._topic, partition, offset)
        try:
            self._consumer.seek(place)
        except KafkaException:  # the client reads nothing of it since `_OUT_OF_RANGE`
            self._consumer.incremental_unassign([place])
            self._consumer.incremental_assign([place])

    def _read_again(self, which: Callable[[int], bool]) -> None:
        for partition, claim in list(self._claims.items()):
            if claim.held or not which(partition):
                continue
            self._claims[partition] = Claim(partition, claim.next_offset, claim.progress)
            self._read_from(partition, claim.next_offset)

    def _partitions(self, which: Callable[[int], bool]) -> list[TopicPartition]:
        placed = [claim.partition for claim in self._claims.values() if claim.placed]
        return [TopicPartition(self._topic, number) for number in placed if which(number)]

    def _assigned(self, _: Consumer, partitions: Sequence[TopicPartition]) -> None:
        self.rebalances += 1
        for one in partitions:
            self._claims[one.partition] = Claim(one.partition)
        # Nothing is read before it is known where to begin (`Starts`). The offset is a number: of
        # `OFFSET_END` the client asks brokers, and an answer that comes late, as while a broker is
        # away, moves the place behind the `seek`, over messages that nobody would read.
        places = [TopicPartition(self._topic, one.partition, 0) for one in partitions]
        self._consumer.incremental_assign(places)
        self._consumer.pause(places)
        _log.info("partitions were assigned", topic=self._topic, partitions=_numbers(partitions))

    def _revoked(self, _: Consumer, partitions: Sequence[TopicPartition]) -> None:
        """Let go of partitions; the coordinator waits for the end of this call."""
        self.rebalances += 1
        leaving = [self._claims[p.partition] for p in partitions if p.partition in self._claims]
        # Not while closing: the client does not carry out a commit any more, nor refuse it.
        if self._loop is not None and leaving and not self._closing:
            asyncio.run_coroutine_threadsafe(self._release(leaving), self._loop).result()
            self._commit(leaving)
        self._end(partitions)
        _log.info("partitions were released", topic=self._topic, partitions=_numbers(partitions))

    def _lost(self, _: Consumer, partitions: Sequence[TopicPartition]) -> None:
        """Forget partitions that another consumer may have already."""
        self.rebalances += 1
        self._end(partitions)
        _log.warning("partitions were lost", topic=self._topic, partitions=_numbers(partitions))

    def _end(self, partitions: Iterable[TopicPartition]) -> None:
        for one in partitions:
            claim = self._claims.pop(one.partition, None)
            if claim is not None:
                claim.held = False

    # On the committing thread

    def _commit(self, claims: Sequence[Claim]) -> dict[Claim, int]:
        settled = {
            claim: claim.next_offset
            for claim in claims
            if claim.next_offset is not None and self.owns(claim)
        }
        offsets = [
            TopicPartition(self._topic, claim.partition, offset, claim.progress.text())
            for claim, offset in settled.items()
        ]
        if not offsets:
            return {}
        try:
            done = self._consumer.commit(offsets=offsets, asynchronous=False)
        except (KafkaException, RuntimeError) as error:  # RuntimeError: the consumer is closed
            self._log_once("cannot commit offsets", str(error))
            return {}
        failed = [one.error for one in done or () if one.error is not None]
        if failed:
            self._log_once("cannot commit offsets", str(failed[0]))
            return {}
        return settled

    # On any thread

    def _note_error(self, error: KafkaError) -> None:
        self._log_once("the Kafka client reports an error", cause_of(error))

    def _log_once(self, event: str, reason: str) -> None:
        now_s = self._clock.monotonic_s()
        lately = {
            told: at_s for told, at_s in self._logged.items() if now_s - at_s < _SAME_TROUBLE_S
        }
        if reason not in lately:
            _log.warning(event, topic=self._topic, reason=reason)
        self._logged = {reason: now_s, **lately}


def _message(claim: Claim, message: ClientMessage) -> Message:
    kind, time_ms = message.timestamp()
    headers = cast(Headers, message.headers() or [])  # a dictionary goes in, none comes out
    offset = message.offset()
    assert offset is not None  # noqa: S101  it came from a broker
    key, value = message.key(), message.value()
    return Message(claim, offset, time_ms if kind else 0, key, value, headers)


def _numbers(partitions: Iterable[TopicPartition]) -> list[int]:
    return sorted(one.partition for one in partitions)
