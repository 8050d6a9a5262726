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
from utility_ts_analytics.sinks.kafka.client import ClientThread, cause_of
from utility_ts_analytics.sinks.kafka.messages import Headers

MESSAGES_MAX: Final = 10_000
"""Most messages of one poll."""

_SAME_TROUBLE_S: Final = 30.0

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
        found: list[Message] = []
        size_bytes = 0
        message = self._consumer.poll(wait_s)
        while message is not None:
            error = message.error()
            if error is not None:
                self._note_error(error)
                if error.fatal():
                    raise FatalClientError(cause_of(error))
            elif (claim := self._claims.get(message.partition() or 0)) is not None:
                read = _message(claim, message)
                if claim.next_offset is None:
                    claim.next_offset = read.offset
                if read.offset < self._ends.get(claim.partition, math.inf):
                    found.append(read)
                    size_bytes += read.size_bytes
            if size_bytes >= bytes_max or len(found) >= MESSAGES_MAX:
                break
            message = self._consumer.poll(0)
        return found

    def _read_again(self, which: Callable[[int], bool]) -> None:
        for partition, claim in list(self._claims.items()):
            if claim.held or not which(partition):
                continue
            self._claims[partition] = Claim(partition, claim.next_offset)
            if claim.next_offset is not None:
                self._consumer.seek(TopicPartition(self._topic, partition, claim.next_offset))

    def _partitions(self, which: Callable[[int], bool]) -> list[TopicPartition]:
        return [TopicPartition(self._topic, number) for number in self._claims if which(number)]

    def _assigned(self, _: Consumer, partitions: Sequence[TopicPartition]) -> None:
        self.rebalances += 1
        for one in partitions:
            self._claims[one.partition] = Claim(one.partition)
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
        if now_s - self._logged.get(reason, -_SAME_TROUBLE_S) >= _SAME_TROUBLE_S:
            self._logged = {reason: now_s}
            _log.warning(event, topic=self._topic, reason=reason)


def _message(claim: Claim, message: ClientMessage) -> Message:
    kind, time_ms = message.timestamp()
    headers = cast(Headers, message.headers() or [])  # a dictionary goes in, none comes out
    offset = message.offset()
    assert offset is not None  # noqa: S101  it came from a broker
    key, value = message.key(), message.value()
    return Message(claim, offset, time_ms if kind else 0, key, value, headers)


def _numbers(partitions: Iterable[TopicPartition]) -> list[int]:
    return sorted(one.partition for one in partitions)
