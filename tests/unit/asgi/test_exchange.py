"""The answer of a request is made of what became of its rows, and of what ended it."""

import asyncio
import json
from typing import Any

import pytest

from utility_ts_analytics.asgi.exchange import Ack, Exchange, IngestSettings
from utility_ts_analytics.asgi.types import IngestLimits
from utility_ts_analytics.buffering.block import Failure
from utility_ts_analytics.buffering.intake import IntakeSession
from utility_ts_analytics.buffering.queue import BlockQueue
from utility_ts_analytics.errors import ClientError, TooManyErrors, TruncatedBody
from utility_ts_analytics.reading.ndjson import Decoded
from utility_ts_analytics.records.validation import RowError
from utility_ts_analytics.telemetry.measures import Measures

LIMITS = IngestLimits(1, 1, 1, 0, 1, 0, 1.0, 0, 1.0)
ERROR = RowError(2, "missing-field", "kwh", "kwh is required")


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
    exchange = Exchange(
        IngestSettings("meter_usage", LIMITS, False, ack), measures.tokens, ndjson=True
    )
    exchange.error, exchange.validate_only = error, validate_only
    session = IntakeSession(
        BlockQueue(rows_max=9, bytes_max=9), lambda: None, exchange.request_id, measures
    )
    exchange.session, settlement = session, session.settlement
    settlement.take(stored + spooled + failed)
    settlement.store(stored)
    settlement.spool(spooled)
    if failed:
        settlement.fail(failed, Failure("sink-unavailable", "away", 7))
    rows = [None] * (stored + spooled + failed)
    exchange.summary.add(Decoded(rows, (), [ERROR] * bad, len(rows) + bad, 9))  # type: ignore[arg-type]
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    accepted = asyncio.run(exchange.send(send))
    document = json.loads(sent[1]["body"])
    assert document["accepted"] == accepted
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
