import pytest
from confluent_kafka import KafkaError

from utility_ts_analytics.sinks.contract import Delivered, InDoubt, Rejected, RetryLater
from utility_ts_analytics.sinks.kafka.outcomes import NO_ANSWER, outcome_of

QUEUED = KafkaError(KafkaError._PURGE_QUEUE)
TOO_LARGE = KafkaError(KafkaError.MSG_SIZE_TOO_LARGE)
NO_TOPIC = KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)
DENIED = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)
FEW = KafkaError(KafkaError.NOT_ENOUGH_REPLICAS)
FEW_AFTER = KafkaError(KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND)
FATAL = KafkaError(KafkaError._FATAL, "out of order", fatal=True)


def test_nothing_wrong_is_delivered() -> None:
    assert outcome_of([], "t", delivered=3) == Delivered()


@pytest.mark.parametrize("error", [DENIED, FEW])
def test_refusal_before_a_write_stored_nothing(error: KafkaError) -> None:
    outcome = outcome_of([error, error], "t", delivered=0)
    assert isinstance(outcome, RetryLater)
    assert outcome.code == "sink-unavailable"
    # One partition took its rows, another did not.
    assert isinstance(outcome_of([error], "t", delivered=1), InDoubt)


@pytest.mark.parametrize("error", [QUEUED, FEW_AFTER, FATAL])
def test_what_may_have_been_written_is_in_doubt(error: KafkaError) -> None:
    outcome = outcome_of([error, DENIED], "t", delivered=0)
    assert isinstance(outcome, InDoubt)
    assert not outcome.may_come_late


def test_message_without_an_answer_may_come_late() -> None:
    outcome = outcome_of([QUEUED, NO_ANSWER], "t", delivered=5)
    assert isinstance(outcome, InDoubt)
    assert outcome.may_come_late


def test_missing_topic_is_a_missing_schema() -> None:
    outcome = outcome_of([NO_TOPIC], "t", delivered=0)
    assert isinstance(outcome, RetryLater)
    assert outcome.code == "schema-missing"


def test_too_large_is_refused_only_if_nothing_else_is_wrong() -> None:
    assert isinstance(outcome_of([TOO_LARGE], "t", delivered=1), Rejected)
    assert isinstance(outcome_of([TOO_LARGE, QUEUED], "t", delivered=0), InDoubt)


def test_reason_names_what_the_client_says_of_the_brokers() -> None:
    outcome = outcome_of([QUEUED], "t", delivered=0, trouble="a:1: login refused")
    assert isinstance(outcome, InDoubt)
    assert "a:1: login" in outcome.reason
