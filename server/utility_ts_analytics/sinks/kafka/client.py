"""What every client of the log has in common: where the brokers are, logins, and log lines."""

import logging

import structlog

from utility_ts_analytics.config import KafkaConfig

ClientOptions = dict[str, str | int | bool | logging.Logger]
"""Settings of librdkafka for the constructor of a client; may hold secrets, never to be shown."""

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("librdkafka")


class _ToOurLog(logging.Handler):
    """Turns lines of librdkafka into lines of this service."""

    def emit(self, record: logging.LogRecord) -> None:
        level = logging.getLevelName(record.levelno).lower()
        getattr(_log, level)("the Kafka client says", reason=record.getMessage())


def client_options(kafka: KafkaConfig, name: str) -> ClientOptions:
    """Return the settings of a client, to which its kind adds those of its own.

    Args:
        kafka: The configuration.
        name: How brokers see the client in their logs and quotas.
    """
    return {
        "client.id": name,
        "log.connection.close": False,
        **kafka.client.reveal(),
        "bootstrap.servers": ",".join(map(str, kafka.brokers)),
        "logger": _logger(),
    }


def _logger() -> logging.Logger:
    logger = logging.getLogger("librdkafka")
    if not logger.handlers:
        logger.propagate = False
        logger.setLevel(logging.WARNING)
        logger.addHandler(_ToOurLog())
    return logger
