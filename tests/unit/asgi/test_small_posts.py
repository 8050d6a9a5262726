"""The short way of a small post gives the answers of the long way, byte for byte."""

import asyncio
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs
from tests.unit.asgi.ingest_rig import BAD, GOOD, NDJSON, Service

from utility_ts_analytics.asgi.app import StreamApp
from utility_ts_analytics.asgi.endpoint import IngestEndpoint
from utility_ts_analytics.asgi.exchange import Exchange
from utility_ts_analytics.buffering.block import Failure
from utility_ts_analytics.buffering.queue import BlockQueue
from utility_ts_analytics.reading.ndjson import NdjsonDecoder
from utility_ts_analytics.telemetry import registry
from utility_ts_analytics.telemetry.layout import SEQUENCE, offset_of

_LINES = [
    GOOD % 1,
    GOOD % 2,
    GOOD.replace("2024", "2023") % 3,
    GOOD.replace("\n", "\r\n") % 4,
    BAD,
    "\n",
    " \t\r\n",
    "nonsense\n",
    '{"ts":"2024-01-01T00:00:00Z","meter_id":"m","kwh":-1}\n',
    '{"ts":"1999-01-01T00:00:00Z","meter_id":"m","kwh":1}\n',
    '{"ts":"2024-01-01T00:00:00+0100","meter_id":"m","kwh":1}\n',
    '{"ts":"2024-01-01T00:00:00Z","meter_id":"\\u0000","kwh":1}\n',
    '{"ts":"2024-01-01T00:00:00Z","meter_id":"' + "x" * 990 + '","kwh":1}\n',
]
_ID = re.compile(rb"[0-9a-f]{32}")

bodies = st.lists(st.sampled_from(_LINES), max_size=6).map("".join)


def test_good_post_takes_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(IngestEndpoint, "_ingest", _must_not_be_called)
    monkeypatch.setattr(Exchange, "finish", _must_not_be_called)
    service = Service()
    status, answer = service.post(NDJSON, GOOD % 1 + GOOD % 2, whole=True)
    assert (status, answer["accepted"], len(service.stored)) == (200, 2, 2)


@given(
    body=bodies,
    cut=st.integers(0, 3),
    query=st.sampled_from(["", "strict=true", "validate_only=true", "nothing=true"]),
    token=st.sampled_from([None, "right", "wrong"]),
    changes=st.fixed_dictionaries(
        {},
        optional={
            "fate": st.sampled_from(["store", "fail", "reject", "spool"]),
            "tokens": st.sampled_from([(), ("right",)]),
            "refusal": st.sampled_from([None, Failure("sink-unavailable", "away", 3)]),
            "max_request_records": st.integers(0, 3),
            "max_request_days": st.integers(0, 1),
            "max_request_errors": st.integers(0, 1),
            "max_concurrent_requests": st.integers(0, 1),
            "ack": st.sampled_from(["committed", "replicated", "enqueued"]),
            "strict": st.booleans(),
        },
    ),
)
def test_both_ways_give_the_same_answer_and_store_the_same_rows(
    body: str, cut: int, query: str, token: str | None, changes: dict[str, Any]
) -> None:
    content = body.encode()[: -cut or None]
    short, long = Service(**changes), Service(**changes)
    options = {"query": query, "token": token}
    assert _answer(short, [content], whole=True, **options) == _answer(long, [content], **options)
    assert short.stored == long.stored
    assert _counts(short) == _counts(long)


@pytest.mark.parametrize(
    "header",
    [
        (b"authorization", b""),
        (b"authorization", b"Bearer wrong"),
        (b"content-type", b"text/csv"),
        (b"content-type", b"application/x-ndjson; charset=utf-8"),
        (b"content-encoding", b"gzip"),
        (b"origin", b"http://elsewhere"),
        (b"sec-fetch-site", b"cross-site"),
        (b"transfer-encoding", b"gzip, chunked"),
    ],
)
def test_both_ways_judge_a_header_alike(header: tuple[bytes, bytes]) -> None:
    services = [Service(tokens=["right"]) for _ in range(2)]
    options = {"token": "right", "headers": [header]}
    short, long = (
        _answer(service, [GOOD % 1], whole=whole, **options)
        for service, whole in zip(services, (True, False), strict=True)
    )
    assert short == long


@pytest.mark.parametrize("parts", [[GOOD % 1, GOOD % 2], [(GOOD % 1)[:20], (GOOD % 1)[20:]]])
def test_body_in_two_messages_is_read_to_its_end(parts: list[str]) -> None:
    service = Service(announced=sum(map(len, parts)))
    status, answer = service.post(NDJSON, *parts)
    assert (status, answer["accepted"]) == (200, len(service.stored))
    assert answer["accepted"] == "".join(parts).count("\n")


def test_client_that_leaves_before_its_body_came() -> None:
    status, answer = Service(announced=100).post(NDJSON, cut=True)
    assert (status, answer["code"], answer["accepted"]) == (400, "truncated-body", 0)


def test_body_that_does_not_come_is_given_up_within_a_tick_of_the_time_out() -> None:
    service = Service(announced=100, body_idle_timeout_ms=200)
    status, answer = service.post(NDJSON, silent=True)
    assert (status, answer["code"], answer["ack"]) == (408, "body-timeout", "committed")


def test_drain_ends_the_wait_for_a_body() -> None:
    async def main() -> list[Any]:
        service, sent = Service(announced=100), list[Any]()
        app = service.app(BlockQueue(rows_max=10, bytes_max=1000))
        receive, scope = service.silent_request(NDJSON)

        async def send(message: Any) -> None:
            sent.append(message)

        request = asyncio.create_task(app(scope, receive, send))
        await asyncio.sleep(0)
        endpoint_of(app).stop_bodies(asyncio.get_running_loop().time())
        await request
        return sent

    start, body = asyncio.run(main())
    assert start["status"] == 503
    assert b'"code":"draining"' in body["body"]


def test_fault_of_ours_is_answered_and_logged_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NdjsonDecoder, "decode", _must_not_be_called)
    found = []
    for whole in (True, False):
        with capture_logs() as logged:
            answer = _answer(Service(tokens=["right"]), [GOOD % 1], whole=whole, token="right")
        assert logged[0].pop("request_id")
        found.append((answer, logged[0]))
    assert found[0] == found[1]
    assert found[0][0][0] == 500
    assert (found[0][1]["token_name"], found[0][1]["stream"]) == ("head-end", "meter_usage")


def test_full_queue_sends_the_post_the_long_way_where_it_waits() -> None:
    service = Service(rows_max=3)
    status, answer = service.post(NDJSON, *[GOOD % minute for minute in range(10)], whole=True)
    assert (status, answer["accepted"], len(service.stored)) == (200, 10, 10)


def test_rows_that_never_end_are_answered_in_time() -> None:
    status, answer = Service(fate="forget", delivery_timeout_ms=100).post(
        NDJSON, GOOD % 1, whole=True
    )
    assert (status, answer["code"], answer["accepted"]) == (503, "sink-unavailable", 0)


def endpoint_of(app: StreamApp) -> IngestEndpoint:
    """Return the endpoint behind an application."""
    return app._endpoint


def _answer(service: Service, chunks: list[Any], **options: Any) -> tuple[Any, ...]:
    """Return status, headers and body without the request's id."""
    start, body = asyncio.run(service.exchange(NDJSON, chunks, **options))
    headers = [(name, _ID.sub(b"id", value)) for name, value in start["headers"]]
    return start["status"], headers, _ID.sub(b"id", body["body"])


def _counts(service: Service) -> list[int]:
    """Return all numbers of a worker but how often they were published, and times."""
    words = list(service.measures.words)
    words[SEQUENCE] = 0
    assert words[offset_of(registry.REQUESTS_IN_FLIGHT)] == 0
    return words


def _must_not_be_called(*_: object, **__: object) -> None:
    raise AssertionError("the post did not take the short way")
