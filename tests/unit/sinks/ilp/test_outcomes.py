"""Each answer of the server, and what it means. The texts are those of QuestDB 9.3.4."""

import json

import pytest

from utility_ts_analytics.sinks.contract import Delivered, InDoubt, Rejected, RetryLater
from utility_ts_analytics.sinks.ilp.http_connection import Answer
from utility_ts_analytics.sinks.ilp.outcomes import outcome_of

HEADING = "failed to parse line protocol:errors encountered on line(s):"
CAST = "\nerror in line 2: table: meter_usage, column: {}; cast error from protocol type: {}"


def refusal(message: str, *, code: str = "invalid", line: int | None = 2) -> Answer:
    answer = {"code": code, "message": HEADING + message, "line": line, "errorId": "1-1"}
    return Answer(400, json.dumps(answer))


def test_a_204_means_stored() -> None:
    assert outcome_of(Answer(204, "")) == Delivered()


@pytest.mark.parametrize("status", [200, 201, 202, 206, 226])
def test_any_other_success_is_not_questdbs(status: int) -> None:
    outcome = outcome_of(Answer(status, "<html>Welcome</html>"))
    assert isinstance(outcome, InDoubt)
    assert "questdb.ilp_http_addr" in outcome.reason


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"code":"invalid","message":' + "[" * 900 + "]" * 900 + ',"line":{}}',
        '{"code":"invalid","message":"\\ud800 \\u001b[2J","line":1}',
        '{"code":' + "1" * 5_000 + "}",
    ],
)
def test_odd_answer_is_an_outcome_with_a_printable_reason(text: str) -> None:
    outcome = outcome_of(Answer(400, text))
    assert not isinstance(outcome, Delivered)
    assert outcome.reason.isprintable()
    outcome.reason.encode()


def test_refused_row_is_named_from_zero() -> None:
    message = CAST.format("event_id", "STRING to column type: UUID")
    outcome = outcome_of(refusal(message))
    assert outcome == Rejected(1, " ".join(message.split()))


def test_refusal_without_a_line_names_no_row() -> None:
    assert outcome_of(refusal(" odd", line=None)) == Rejected(None, "odd")


def test_value_of_the_row_is_not_repeated() -> None:
    message = "\nerror in line 2: Could not parse entire line. Field: meter_id; value: secret\nm-1"
    outcome = outcome_of(refusal(message))
    assert isinstance(outcome, Rejected)
    assert "secret" not in outcome.reason
    assert "m-1" not in outcome.reason


@pytest.mark.parametrize(
    "message",
    [
        "\nerror in line 1: table: nope; table does not exist, creating new tables is disabled",
        "\nerror in line 2: table: t, column: c does not exist, creating new columns is disabled",
        CAST.format("kwh", "FLOAT to column type: LONG"),
    ],
)
def test_what_the_schema_lacks_is_never_a_rows_fault(message: str) -> None:
    outcome = outcome_of(refusal(message))
    assert isinstance(outcome, RetryLater)
    assert outcome.code == "schema-missing"


def test_too_large_a_request_is_for_halving() -> None:
    message = "transaction is too large, either flush more frequently or increase buffer size"
    outcome = outcome_of(refusal(message, code="request too large", line=1))
    assert isinstance(outcome, Rejected)
    assert outcome.row_index is None


def test_internal_error_with_a_line_refuses_no_row() -> None:
    assert isinstance(outcome_of(refusal("commit failed", code="internal error")), InDoubt)


@pytest.mark.parametrize("status", [400, 413, 500, 503])
@pytest.mark.parametrize("text", ["Service Unavailable", "", "[]", '"text"', "{}"])
def test_an_answer_of_unknown_kind_is_in_doubt(status: int, text: str) -> None:
    outcome = outcome_of(Answer(status, text))
    assert isinstance(outcome, InDoubt)
    assert outcome.reason


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_name_the_setting(status: int) -> None:
    outcome = outcome_of(Answer(status, "Unauthorized\r\n"))
    assert isinstance(outcome, RetryLater)
    assert "questdb.ilp_http_addr" in outcome.reason
    assert "\n" not in outcome.reason


@pytest.mark.parametrize("status", [301, 308, 404, 405])
def test_a_server_without_ilp_names_the_setting(status: int) -> None:
    outcome = outcome_of(Answer(status, "Not Found"))
    assert isinstance(outcome, RetryLater)
    assert "questdb.ilp_http_addr" in outcome.reason
