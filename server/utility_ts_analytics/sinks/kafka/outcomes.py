"""What the ends of the messages of a batch mean: are all rows replicated, may they be sent again?

Codes as librdkafka 2.16 reports them; `tests/contract/test_kafka_sink.py` provokes those that a
single broker can give.
"""

from collections.abc import Collection
from typing import Final

from confluent_kafka import KafkaError

from utility_ts_analytics.sinks.contract import Delivered, InDoubt, Outcome, Rejected, RetryLater
from utility_ts_analytics.sinks.kafka.client import cause_of

NO_ANSWER: Final = KafkaError(KafkaError._PURGE_INFLIGHT, "a broker does not answer")
"""Of a message that was on its way when time was up."""

_NO_TOPIC: Final = frozenset(
    {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError.TOPIC_EXCEPTION,
    }
)
_TOO_LARGE: Final = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE})
_NOT_STORED: Final = frozenset(
    {
        KafkaError._QUEUE_FULL,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.NOT_ENOUGH_REPLICAS,
        KafkaError._AUTHENTICATION,
        KafkaError._SSL,
        KafkaError._RESOLVE,
    }
)
"""A broker said no before it wrote anything, or the message never left. A message that was dropped
from the client's queue is none of these: it may have left before, over a connection that broke."""


def outcome_of(
    errors: Collection[KafkaError], topic: str, *, delivered: int, trouble: str = ""
) -> Outcome:
    """Return the outcome of a batch.

    Args:
        errors: Of the messages that are not known to be replicated.
        topic: Its name.
        delivered: Messages that are replicated, by this attempt or one before.
        trouble: What the client says of the brokers; may be empty.

    Returns:
        `InDoubt` where some rows may be in the log: those are sent again as they are, and leave the
        tables as they were.
    """
    if not errors:
        return Delivered()
    if all(error.code() in _TOO_LARGE for error in errors):
        return Rejected(None, f"the topic {topic} does not take a message of this size")
    first = next((e for e in errors if e.code() not in _NOT_STORED | _TOO_LARGE), None)
    first = first or next(iter(errors))
    if first.code() in _NO_TOPIC:
        return RetryLater(f"Kafka has no such topic or partition of {topic}", "schema-missing")
    cause = cause_of(first)
    if first.code() in (KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT) and trouble:
        cause = trouble
    reason = f"cannot write to the topic {topic}: {cause}"
    if first.code() in _NOT_STORED and not delivered:
        return RetryLater(reason)
    codes = {error.code() for error in errors}
    return InDoubt(reason, may_come_late=KafkaError._PURGE_INFLIGHT in codes)
