"""The answer of a request, its line in the log and its note: of how its rows ended, and why."""

import asyncio
import json
from typing import Any, get_args

import pytest
import structlog
from structlog.testing import capture_logs

from utility_ts_analytics.asgi.body import RequestBody
from utility_ts_analytics.asgi.exchange import Exchange, client_error, raise_if
from utility_ts_analytics.asgi.protocol import Message
from utility_ts_analytics.asgi.settings import Ack, IngestLimits, IngestSettings
from utility_ts_analytics.buffering.block import Failure, FailureCode
from utility_ts_analytics.buffering.intake import IntakeSession
from utility_ts_analytics.buffering.queue import BlockQueue
from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.errors import (
    ClientError,
    InternalError,
    Overloaded,
    RetryableError,
    TooManyErrors,
    TruncatedBody,
)
from utility_ts_analytics.reading.ndjson import Decoded
from utility_ts_analytics.records.validation import RowError
from utility_ts_analytics.telemetry.error_notes import error_notes
from utility_ts_analytics.telemetry.measures import Measures

LIMITS = IngestLimits(
    max_body_bytes=1,
    max_ndjson_body_bytes=1,
    max_decompressed_bytes=1,
    max_request_records=0,
    max_request_days=0,
    max_request_errors=0,
    max_line_bytes=1,
    max_future_minutes=0,
    body_idle_timeout_ms=1_000,
    body_min_rate_bytes=0,
    delivery_timeout_ms=1_000,
)
ERROR = RowError(2, "missing-field", "kwh", "kwh is required")


def exchange_of(measures: Measures, ack: Ack = "committed") -> Exchange:
    async def receive() -> Message:
        raise AssertionError

    body = RequestBody(
        receive, bytes_max=0, limit_name="", body_idle_timeout_s=1.0, body_min_rate_bytes=0
    )
    return Exchange(IngestSettings("meter_usage", LIMITS, False, ack), measures, body, ndjson=True)


def answer_of(
    *,
    ack: Ack = "committed",
    stored: int = 0,
    spooled: int = 0,
    failed: int = 0,
    bad: int = 0,
    error: ClientError | None = None,
    validate_only: bool = False,
) -> tuple[int, Any]:
    measures = Measures(token_names=["head-end"])
    exchange = exchange_of(measures, ack)
    exchange.error, exchange.validate_only = error, validate_only
    session = IntakeSession(
        BlockQueue(rows_max=9, bytes_max=9),
        lambda: None,
        exchange.request_id,
        measures,
        ManualClock(),
    )
    exchange.session, settlement = session, session.settlement
    settlement.take(stored + spooled + failed)
    settlement.store(stored)
    settlement.spool(spooled)
    if failed:
        settlement.fail(failed, Failure("sink-unavailable", "away", 7))
    rows = [None] * (stored + spooled + failed)
    decoded = Decoded(rows, range(len(rows)), [ERROR] * bad, len(rows) + bad, 9)  # type: ignore[arg-type]
    exchange.summary.add(decoded)
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(exchange.send(send))
    document = json.loads(sent[1]["body"])
    assert document["accepted"] == exchange.accepted
    return sent[0]["status"], document


def test_stored_rows_are_accepted_and_refused_ones_listed() -> None:
    status, document = answer_of(stored=3, bad=1)
    assert (status, document["accepted"], document["ack"]) == (200, 3, "committed")
    assert document["parse_errors"] == 1
    assert document["errors"] == [
        {"line": 2, "code": "missing-field", "field": "kwh", "detail": "kwh is required"}
    ]


def test_spooled_rows_make_it_a_202() -> None:
    status, document = answer_of(stored=1, spooled=2)
    assert (status, document["accepted"], document["ack"]) == (202, 3, "spooled")


def test_replicated_rows_are_a_202_and_spooled_ones_among_them_are_told() -> None:
    status, document = answer_of(ack="replicated", stored=3)
    assert (status, document["accepted"], document["ack"]) == (202, 3, "replicated")
    status, document = answer_of(ack="replicated", stored=1, spooled=2)
    assert (status, document["accepted"], document["ack"]) == (202, 3, "spooled")


def test_enqueued_rows_are_those_that_were_not_given_back() -> None:
    status, document = answer_of(ack="enqueued", stored=1, failed=2)
    assert (status, document["accepted"], document["ack"]) == (200, 1, "enqueued")


def test_nothing_accepted_of_some_lines_is_a_problem() -> None:
    status, document = answer_of(bad=2)
    assert (status, document["code"]) == (422, "nothing-accepted")


@pytest.mark.parametrize("error", [TruncatedBody("the body ended"), TooManyErrors("too many")])
def test_request_that_was_ended_says_what_is_stored_all_the_same(error: ClientError) -> None:
    status, document = answer_of(stored=4, bad=1, error=error)
    assert (status, document["code"], document["accepted"]) == (400, error.code, 4)
    assert document["parse_errors"] == 1


def test_rows_that_were_only_checked_are_accepted_unless_the_request_was_ended() -> None:
    assert answer_of(validate_only=True, failed=2)[1]["ack"] == "validated"
    ended = answer_of(validate_only=True, failed=2, error=TruncatedBody("the body ended"))
    assert ended[1]["accepted"] == 0


# Rows that were given back.


@pytest.mark.parametrize("code", get_args(FailureCode))
def test_every_failure_is_a_503_that_names_it(code: FailureCode) -> None:
    error = client_error(Failure(code, "some reason", 7))
    assert isinstance(error, RetryableError)
    assert (error.status, error.code, error.detail) == (503, code, "some reason")
    assert error.retryable
    assert error.headers["retry-after"] == "7"


def test_only_a_failure_is_raised() -> None:
    raise_if(None)
    with pytest.raises(RetryableError, match="some reason"):
        raise_if(Failure("draining", "some reason"))


# The log and the notes.


ROWS = [RowError(3, "invalid-number", "kwh", "x"), RowError(4, "invalid-json", None, "x")]


def reported(
    rows: list[RowError], error: ClientError | None
) -> tuple[list[tuple[str, int, str]], list[structlog.typing.EventDict]]:
    measures = Measures()
    exchange = exchange_of(measures)
    exchange.request_id, exchange.accepted, exchange.error = "r1", 7, error
    exchange.summary.add_errors(rows)
    with capture_logs() as lines:
        exchange.report(ManualClock(1.0))
    notes = [(note.code, note.position, note.field) for note in error_notes(measures.words)]
    return notes, list(lines)


def test_good_request_leaves_nothing() -> None:
    assert reported([], None) == ([], [])


def test_first_bad_row_is_noted_and_one_line_has_the_counts() -> None:
    notes, [line] = reported(ROWS, None)
    assert notes == [("invalid-number", 3, "kwh")]
    assert line["event"] == "lines were refused"
    assert (line["request_id"], line["accepted"], line["parse_errors"]) == ("r1", 7, 2)
    assert line["first_error"] == {"code": "invalid-number", "position": 3, "field": "kwh"}


@pytest.mark.parametrize("rows", [[], ROWS])
def test_refused_request_is_one_line_with_its_status(rows: list[RowError]) -> None:
    notes, [line] = reported(rows, Overloaded("full", 1))
    assert (line["event"], line["status"], line["code"]) == ("request refused", 429, "overloaded")
    assert notes == [("invalid-number", 3, "kwh") if rows else ("overloaded", -1, "")]


def test_fault_of_ours_is_noted_and_not_logged_a_second_time() -> None:
    assert reported([], InternalError("see the log")) == ([("internal-error", -1, "")], [])
