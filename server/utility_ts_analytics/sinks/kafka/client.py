"""What every client of the log has in common: where the brokers are, logins, and log lines."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
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


async def on_thread(call: Callable[[], ResultT]) -> ResultT:
    """Return what a blocking call returns, made on a thread that no exit of the process waits for.

    `asyncio.to_thread` would: a worker that stops while brokers are away would be killed.
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

    def work() -> None:
        value, failed = None, None
        try:
            value = call()
        except Exception as error:  # noqa: BLE001 - raised where the call is awaited
            failed = error
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(settle, value, failed)

    threading.Thread(target=work, name="kafka-call", daemon=True).start()
    return await result


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
