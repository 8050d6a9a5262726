"""Each text of client and server, and what it means. The texts are those of 9.3.4 and 6.0.0."""

import json

import pytest
from questdb import QuestDBError, QuestDBErrorCode

from utility_ts_analytics.sinks.contract import InDoubt, Rejected, RetryLater
from utility_ts_analytics.sinks.ilp.outcomes import outcome_of

HEADING = "failed to parse line protocol:errors encountered on line(s):"


def error(code: QuestDBErrorCode, text: str) -> QuestDBError:
    return QuestDBError(code, f"Could not flush buffer: {text}")


def refusal(message: str, *, code: str = "invalid", line: int | None = 2) -> QuestDBError:
    answer = {"code": code, "message": HEADING + message, "line": line, "errorId": "1-1"}
    return error(QuestDBErrorCode.ServerFlushError, json.dumps(answer))


CAST = "\nerror in line 2: table: meter_usage, column: {}; cast error from protocol type: {}"


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:1/write: io: Connection refused",
        "http://nowhere:1/write: io: failed to lookup address information: Name or service",
    ],
)
def test_no_connection_means_nothing_was_stored(text: str) -> None:
    outcome = outcome_of(error(QuestDBErrorCode.SocketError, text))
    assert outcome == RetryLater(f"cannot reach QuestDB: {text}")


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:1/write: timeout: per call",
        "http://127.0.0.1:1/write: io: Peer disconnected",
    ],
)
def test_a_broken_connection_is_in_doubt(text: str) -> None:
    outcome = outcome_of(error(QuestDBErrorCode.SocketError, text))
    assert isinstance(outcome, InDoubt)


def test_refused_row_is_named_from_zero() -> None:
    message = CAST.format("event_id", "STRING to column type: UUID")
    outcome = outcome_of(refusal(message))
    assert outcome == Rejected(1, " ".join(message.split()))


def test_refusal_as_the_client_reformats_it_is_read_too() -> None:
    text = "it is odd [id: 1-1, code: invalid, line: 7]"
    outcome = outcome_of(error(QuestDBErrorCode.ServerFlushError, text))
    assert outcome == Rejected(6, "it is odd")


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


@pytest.mark.parametrize("text", ["Service Unavailable", "", "[]", '"text"', "{}"])
def test_an_answer_of_unknown_kind_is_in_doubt(text: str) -> None:
    assert isinstance(outcome_of(error(QuestDBErrorCode.ServerFlushError, text)), InDoubt)


def test_refused_credentials_name_the_setting() -> None:
    text = "HTTP endpoint authentication error: Unauthorized\r\n [code: 401]"
    outcome = outcome_of(error(QuestDBErrorCode.AuthError, text))
    assert isinstance(outcome, RetryLater)
    assert "questdb.ilp_http_addr" in outcome.reason
    assert "\n" not in outcome.reason


def test_a_server_without_ilp_names_the_setting() -> None:
    outcome = outcome_of(error(QuestDBErrorCode.HttpNotSupported, "does not support ILP"))
    assert isinstance(outcome, RetryLater)
    assert "questdb.ilp_http_addr" in outcome.reason


def test_any_other_code_is_in_doubt() -> None:
    assert isinstance(outcome_of(error(QuestDBErrorCode.TlsError, "odd")), InDoubt)


def test_wrong_use_of_the_client_is_our_fault_and_no_outcome() -> None:
    with pytest.raises(AssertionError, match="used wrongly"):
        outcome_of(error(QuestDBErrorCode.InvalidApiCall, "State error: Bad call"))
