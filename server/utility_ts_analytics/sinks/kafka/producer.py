"""One idempotent producer with the thread that polls it. The only place where messages leave.

Idempotence keeps the order of a partition over the client's own retries, and no retry makes a
second copy. It is also why a producer that has failed is not used again: after a fatal error it
never recovers, and after a message that was given up its sequence has a gap.
"""

import asyncio
import contextlib
import threading
from collections.abc import Sequence
from functools import partial
from typing import Final

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from utility_ts_analytics.config import KafkaConfig
from utility_ts_analytics.sinks.kafka.client import LastTrouble, client_options, on_thread
from utility_ts_analytics.sinks.kafka.encode import OutgoingMessage
from utility_ts_analytics.sinks.kafka.outcomes import NO_ANSWER

_POLL_S: Final = 0.5
_LOOK_AGAIN_S: Final = 0.005
_ROOM_BYTES: Final = 1024 * 1024
"""Of a message beside the wanted size: one row alone may be larger, and headers come on top."""

_QUEUE_KIB: Final = 65_536
"""Of the client's own queue: a batch has 16 MiB of bodies, which are at most 40 as lines."""

_REQUEST_TIMEOUT_MS: Final = 900_000
"""Over any `request_timeout_ms` of a sink."""

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


class LogProducer:
    """Sends the messages of one batch at a time. One event loop, and a thread of its own.

    Connects by itself. After `close` its thread ends when the client is gone; nobody waits.

    Args:
        kafka: The configuration.
        topic: Where all messages go.

    Raises:
        KafkaException: A setting of `kafka.client` is not librdkafka's.
    """

    def __init__(self, kafka: KafkaConfig, topic: str) -> None:
        self._topic = topic
        self._trouble = LastTrouble()
        producer = Producer(
            {
                "linger.ms": 0,  # a batch has one message for each partition: none is waited for
                **client_options(kafka, "utility-ts-analytics", self._trouble),
                "acks": "all",
                "enable.idempotence": True,
                "compression.type": kafka.compression,
                "message.max.bytes": kafka.message_max_bytes + _ROOM_BYTES,
                "queue.buffering.max.kbytes": _QUEUE_KIB,
                # The sink's time-out ends a send (`_give_up`). So a message whose answer is missing
                # stays one that is under way, and is not queued again as if it had failed.
                "message.timeout.ms": 0,
                "request.timeout.ms": _REQUEST_TIMEOUT_MS,
            }
        )
        self._producer: Producer | None = producer
        self._closed = threading.Event()
        threading.Thread(
            target=_poll_until, args=(producer, self._closed), name="kafka-poll", daemon=True
        ).start()

    @property
    def trouble(self) -> str:
        """What the client last said of the brokers; may be empty."""
        return self._trouble.cause

    async def send(
        self, messages: Sequence[OutgoingMessage], *, timeout_s: float, purge_s: float
    ) -> list[KafkaError]:
        """Send messages and wait until each has ended; those replicated are marked `delivered`.

        Args:
            messages: In the order in which they go into each partition.
            timeout_s: Time for that, seconds; then what is left is given up.
            purge_s: Longest wait for what is given up, after that.

        Returns:
            The errors of those that are not known to be replicated, in no order.
        """
        loop = asyncio.get_running_loop()
        give_up_at_s = loop.time() + timeout_s
        reports = _Reports(len(messages), loop)
        for index, message in enumerate(messages):
            error = await self._enqueue(message, reports, give_up_at_s)
            if error is not None:
                reports.skip(len(messages) - index, error)
                break
        await reports.ended(give_up_at_s - loop.time())
        if reports.open_count and self._producer is not None:
            await on_thread(partial(self._give_up, self._producer))
            await reports.ended(purge_s)
        return reports.close()

    def close(self) -> None:
        """Let the client go; what is under way is given up. Idempotent."""
        self._producer = None
        self._closed.set()

    async def _enqueue(
        self, message: OutgoingMessage, reports: "_Reports", give_up_at_s: float
    ) -> KafkaError | None:
        """Put one message into the client's queue, as soon as there is room."""
        while True:
            producer = self._producer
            if producer is None:
                raise AssertionError("send() of a producer that is closed")
            try:
                producer.produce(
                    self._topic,
                    message.value,
                    partition=message.partition,
                    headers=message.headers,
                    on_delivery=reports.report_of(message),
                )
            except BufferError:
                if asyncio.get_running_loop().time() >= give_up_at_s:
                    return KafkaError(KafkaError._QUEUE_FULL, "the client's own queue is full")
                await asyncio.sleep(_LOOK_AGAIN_S)
            except KafkaException as error:
                found = error.args[0]
                if not isinstance(found, KafkaError):
                    raise
                return found
            else:
                await asyncio.sleep(0)  # copying a MiB takes a third of a millisecond
                return None

    @staticmethod
    def _give_up(producer: Producer) -> None:
        """Drop all messages: each is reported as queued, or as under way and not answered."""
        with contextlib.suppress(KafkaException):
            producer.purge(in_queue=True, in_flight=True, blocking=True)


class _Reports:
    """Gathers the delivery reports of one send from the polling thread."""

    def __init__(self, count: int, loop: asyncio.AbstractEventLoop) -> None:
        self.open_count = count
        self._loop = loop
        self._errors: list[KafkaError] = []
        self._all = asyncio.Event()
        self._closed = False

    def report_of(self, message: OutgoingMessage) -> "_Report":
        """Return what takes the report of one message."""
        return _Report(self, message)

    def arrive(self, message: OutgoingMessage, error: KafkaError | None) -> None:
        """Take one report. Called on the polling thread."""
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits
            self._loop.call_soon_threadsafe(self._note, message, error)

    def skip(self, count: int, error: KafkaError) -> None:
        """Note messages that were never queued."""
        self._errors += [error] * count
        self._end(count)

    async def ended(self, timeout_s: float) -> None:
        """Wait until every message has its report, or time is up."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(timeout_s, 0.0)):
                await self._all.wait()

    def close(self) -> list[KafkaError]:
        """Return the errors; a message without a report counts as sent and not answered."""
        self._closed = True
        return [*self._errors, *[NO_ANSWER] * self.open_count]

    def _note(self, message: OutgoingMessage, error: KafkaError | None) -> None:
        if self._closed:
            return
        if error is None:
            message.delivered = True
        else:
            self._errors.append(error)
        self._end(1)

    def _end(self, count: int) -> None:
        self.open_count -= count
        if self.open_count == 0:
            self._all.set()


class _Report:
    """The callback of one message."""

    __slots__ = ("_message", "_reports")

    def __init__(self, reports: _Reports, message: OutgoingMessage) -> None:
        self._reports = reports
        self._message = message

    def __call__(self, error: KafkaError | None, _: Message) -> None:
        self._reports.arrive(self._message, error)


def _poll_until(producer: Producer, closed: threading.Event) -> None:
    """Serve the client's callbacks until it is closed; its end, which may wait, is here too."""
    try:
        while not closed.is_set():
            producer.poll(_POLL_S)
        producer.purge(in_queue=True, in_flight=True, blocking=False)
    except Exception:  # noqa: BLE001 - the thread's border: without reports, sends time out
        _log.exception("the Kafka client cannot be polled")
