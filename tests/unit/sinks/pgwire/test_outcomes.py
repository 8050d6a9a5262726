"""Each text of the server, and what it means. The texts are those of 9.3.4."""

import pytest

from utility_ts_analytics.database.pool import AnswerLost, ConnectFailed, StatementRefused
from utility_ts_analytics.sinks.contract import InDoubt, Outcome, Rejected, RetryLater
from utility_ts_analytics.sinks.pgwire.outcomes import outcome_of

COLUMNS = ("ts", "event_id", "meter_id", "kwh")


def told_of(error: ConnectFailed | AnswerLost | StatementRefused) -> Outcome:
    return outcome_of(error, COLUMNS)


def refused(text: str) -> StatementRefused:
    return StatementRefused("db:8812", text)


def test_no_connection_means_nothing_was_stored() -> None:
    assert told_of(ConnectFailed("away")) == RetryLater("away")


def test_a_lost_answer_is_in_doubt() -> None:
    assert told_of(AnswerLost("cut")) == InDoubt("cut")


@pytest.mark.parametrize(
    "text", ["table does not exist [table=nope]", "Invalid column: nope", "inconvertible types: x"]
)
def test_what_the_schema_lacks_is_never_a_rows_fault(text: str) -> None:
    outcome = told_of(refused(text))
    assert outcome == RetryLater(f"cannot write to the table: {text}", "schema-missing")


def test_value_that_does_not_fit_its_column_is_the_schemas_fault_and_not_repeated() -> None:
    text = "invalid input for query argument $8 in element #0 of executemany() sequence: 'secret'"
    outcome = told_of(refused(text))
    assert isinstance(outcome, RetryLater)
    assert outcome.code == "schema-missing"
    assert outcome.reason == "column kwh has another type than its values"


def test_a_rows_fault_is_refused_without_its_number() -> None:
    text = "designated timestamp before 1970-01-01 is not allowed"
    assert told_of(refused(text)) == Rejected(None, text)


def test_a_refusal_of_unknown_kind_gives_no_row_up() -> None:
    outcome = told_of(refused("could not open file, no space left"))
    assert isinstance(outcome, RetryLater)
    assert outcome.code == "sink-unavailable"


def test_value_of_the_row_is_not_repeated() -> None:
    quoting = refused("inconvertible value: `m-4711 [x]` [STRING -> DOUBLE]")
    told = Rejected(None, "inconvertible value: (left out) [STRING -> DOUBLE]")
    assert told_of(quoting) == told
    assert told_of(refused("inconvertible value: m-4711")) == Rejected(
        None, "inconvertible value: (left out)"
    )
