"""What every client of the log has in common: where the brokers are, logins, and log lines."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Final, TypeVar

import structlog
from confluent_kafka import KafkaError

from utility_ts_analytics.config import KafkaConfig

_CAUSE_CHARACTERS_MAX: Final = 300

ResultT = TypeVar("ResultT")

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("librdkafka")


class LastTrouble:
    """Keeps the last error of a client that no call returns, such as a refused login.

    Called from the thread that polls the client.
    """

    def __init__(self) -> None:
        self.cause = ""
        """One line; empty before the first error."""

    def __call__(self, error: KafkaError) -> None:
        """Take the error; librdkafka recovers by itself, or the next call fails."""
        # "All brokers are down" follows the error that says why.
        if error.code() != KafkaError._ALL_BROKERS_DOWN or not self.cause:
            self.cause = cause_of(error)


class _ToOurLog(logging.Handler):
    """Turns lines of librdkafka into lines of this service, which throttles them."""

    def emit(self, record: logging.LogRecord) -> None:
        _log.warning("the Kafka client says", reason=record.getMessage()[:_CAUSE_CHARACTERS_MAX])


def client_options(
    kafka: KafkaConfig, name: str, on_error: Callable[[KafkaError], None]
) -> dict[str, Any]:
    """Return the settings of a client, to which its kind adds those of its own.

    They may hold secrets and are never shown. A client that is not polled keeps its errors and log
    lines for ever: poll it at least every few seconds.

    Args:
        kafka: The configuration.
        name: How brokers see the client in their logs and quotas.
        on_error: Gets errors that no call returns.
    """
    return {
        "client.id": name,
        "log.connection.close": False,
        # The client's 10 s would leave it away for long after brokers are back.
        "reconnect.backoff.max.ms": 1000,
        **kafka.client.reveal(),
        "bootstrap.servers": ",".join(map(str, kafka.brokers)),
        "error_cb": on_error,
        "logger": _logger(),
    }


class ClientThread:
    """Makes the blocking calls of a client, one after the other, on a thread of its own.

    No exit of the process waits for this thread. It would for the thread of an executor: a worker
    that stops while brokers are away, or frozen, would have to be killed.

    Args:
        name: Of the thread, for those who look at the process.
    """

    def __init__(self, name: str) -> None:
        self._steps: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        threading.Thread(target=self._work, name=name, daemon=True).start()

    async def run(self, call: Callable[[], ResultT]) -> ResultT:
        """Return what a call returns, once those before it have ended.

        Where this is cancelled, a call that has begun goes on, and its result is dropped.
        """
        loop = asyncio.get_running_loop()
        result: asyncio.Future[ResultT] = loop.create_future()

        def settle(value: ResultT | None, error: BaseException | None) -> None:
            if result.done():  # nobody waits any more
                return
            if error is not None:
                result.set_exception(error)
            else:
                result.set_result(value)  # type: ignore[arg-type]  # a value where there is no error

        def step() -> None:
            if result.cancelled():
                return
            value, failed = None, None
            try:
                value = call()
            except Exception as error:  # noqa: BLE001 - raised where the call is awaited
                failed = error
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(settle, value, failed)

        self._steps.put(step)
        return await result

    def close(self) -> None:
        """Let the thread end behind the calls that it has. Idempotent."""
        self._steps.put(None)

    def _work(self) -> None:
        while (step := self._steps.get()) is not None:
            step()
            del step  # it holds the client, whose last reference may be meant to go elsewhere


async def on_thread(call: Callable[[], ResultT]) -> ResultT:
    """Return what a blocking call returns, made on a `ClientThread` for it alone."""
    thread = ClientThread("kafka-call")
    try:
        return await thread.run(call)
    finally:
        thread.close()


def cause_of(error: KafkaError) -> str:
    """Return what an error says as one printable line."""
    line = " ".join(str(error.str()).split())[:_CAUSE_CHARACTERS_MAX]
    return "".join(character if character.isprintable() else "?" for character in line)


def _logger() -> logging.Logger:
    logger = logging.getLogger("librdkafka")
    if not logger.handlers:
        logger.propagate = False
        logger.setLevel(logging.WARNING)
        logger.addHandler(_ToOurLog())
    return logger
