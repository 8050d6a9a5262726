"""One request, top to bottom, against a real intake whose lane is a scripted consumer."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from utility_ts_analytics.asgi.app import StreamApp
from utility_ts_analytics.asgi.auth import BearerAuth, HeldToken
from utility_ts_analytics.asgi.exchange import Ack, IngestSettings
from utility_ts_analytics.asgi.ingest import IngestEndpoint
from utility_ts_analytics.asgi.types import IngestLimits
from utility_ts_analytics.buffering.block import Failure
from utility_ts_analytics.buffering.intake import Intake
from utility_ts_analytics.buffering.queue import BlockQueue
from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.reading.ndjson import NdjsonDecoder
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.records.validation import RowError
from utility_ts_analytics.telemetry.measures import Measures
from utility_ts_analytics.telemetry.token_counts import TokenTotals, add_tokens

GOOD = '{"ts":"2024-01-01T00:%02d:00Z","meter_id":"m","kwh":1}\n'
BAD = '{"ts":"2024-01-01T00:00:00Z","meter_id":"m"}\n'
NDJSON, ARRAY = "/ingest/meter_usage/ndjson", "/ingest/meter_usage"


@dataclass
class Service:
    """One stream's application with a lane that does what `fate` says with every block."""

    fate: str = "store"
    ack: Ack = "committed"
    strict: bool = False
    sessions_max: int = 4
    tokens: Sequence[str] = ()
    refusal: Failure | None = None
    max_request_records: int = 0
    max_request_days: int = 0
    max_request_errors: int = 0
    stored: list[Any] = field(default_factory=list)
    measures: Measures = field(default_factory=lambda: Measures(token_names=["head-end", "other"]))

    def post(self, path: str, *chunks: str | bytes, **options: Any) -> tuple[int, Any]:
        return asyncio.run(self._post(path, list(chunks), **options))

    async def _post(
        self,
        path: str,
        chunks: list[str | bytes],
        query: str = "",
        method: str = "POST",
        cut: bool = False,
        token: str | None = None,
    ) -> tuple[int, Any]:
        queue = BlockQueue(rows_max=100, bytes_max=10_000)
        consumer = asyncio.create_task(self._consume(queue))
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            if chunks:
                chunk = chunks.pop(0)
                data = chunk.encode() if isinstance(chunk, str) else chunk
                return {"type": "http.request", "body": data, "more_body": True}
            if cut:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(b"authorization", f"Bearer {token}".encode())] if token else []
        scope: dict[str, Any] = {
            "type": "http",
            "path": path,
            "method": method,
            "headers": headers,
            "query_string": query.encode(),
        }
        await self._app(queue)(scope, receive, send)
        consumer.cancel()
        assert queue.producers == 0
        return sent[0]["status"], json.loads(sent[1]["body"])

    def _app(self, queue: BlockQueue) -> StreamApp:
        spec = STREAMS["meter_usage"]
        limits = IngestLimits(
            max_body_bytes=100_000,
            max_ndjson_body_bytes=0,
            max_decompressed_bytes=100_000,
            max_request_records=self.max_request_records,
            max_request_days=self.max_request_days,
            max_line_bytes=1_000,
            max_future_minutes=0,
            body_idle_timeout_s=5.0,
            body_min_rate_bytes=0,
            delivery_timeout_s=5.0,
            max_request_errors=self.max_request_errors,
        )
        settings = IngestSettings("meter_usage", limits, self.strict, self.ack)
        intake = Intake(
            [queue],
            sessions_max=self.sessions_max,
            refusal=lambda: self.refusal,
            measures=self.measures,
        )
        endpoint = IngestEndpoint(
            settings,
            NdjsonDecoder(spec, spec.record_type),
            intake,
            BearerAuth([HeldToken("head-end", token) for token in self.tokens]),
            ManualClock(),
        )
        return StreamApp("meter_usage", endpoint, None)  # type: ignore[arg-type]  # no lifespan here

    async def _consume(self, queue: BlockQueue) -> None:
        while True:
            await queue.wait_changed()
            for block in queue.take(1000):
                rows = block.row_count
                if self.fate == "store":
                    self.stored += block.rows
                    block.settlement.store(rows)
                elif self.fate == "fail":
                    block.settlement.fail(rows, Failure("sink-unavailable", "away", 7))
                else:
                    for position in block.positions:
                        error = RowError(position, "sink-rejected", None, "no")
                        block.settlement.reject(error)
                queue.release(rows, block.size_bytes)


def test_every_good_line_is_accepted_and_every_bad_one_named() -> None:
    service = Service()
    status, answer = service.post(NDJSON, GOOD % 1, "\n" + BAD, GOOD % 2, "nonsense")
    assert status == 200
    assert (answer["accepted"], answer["parse_errors"], answer["rejected"]) == (2, 2, 0)
    assert [(error["line"], error["code"]) for error in answer["errors"]] == [
        (3, "missing-field"),
        (5, "invalid-json"),
    ]
    assert answer["ack"] == "committed"
    assert len(service.stored) == 2


def test_arrays_are_numbered_by_index() -> None:
    good = json.loads(GOOD % 1)
    status, answer = Service().post(ARRAY, json.dumps([good, {**good, "kwh": -1}]))
    assert status == 200
    assert answer["rejected"] == 1
    assert answer["errors"][0]["index"] == 1
    assert answer["errors"][0]["code"] == "negative-value"


def test_nothing_accepted_although_there_were_lines_is_422_and_an_empty_body_is_not() -> None:
    status, answer = Service().post(NDJSON, BAD)
    assert (status, answer["code"], answer["parse_errors"]) == (422, "nothing-accepted", 1)
    assert Service().post(NDJSON, "\n\n")[0] == 200


def test_strict_ends_at_the_first_bad_line_and_says_what_is_stored() -> None:
    service = Service(strict=True)
    status, answer = service.post(NDJSON, GOOD % 1, BAD, GOOD % 2)
    assert (status, answer["code"]) == (400, "strict-rejected")
    assert answer["accepted"] == len(service.stored)
    assert answer["errors"][0]["line"] == 2
    assert Service(strict=True).post(NDJSON, GOOD % 1, BAD, query="strict=false")[0] == 200


def test_validate_only_checks_and_stores_nothing_even_without_a_database() -> None:
    service = Service(refusal=Failure("sink-unavailable", "away"))
    status, answer = service.post(NDJSON, GOOD % 1, BAD, query="validate_only=true")
    assert (status, answer["accepted"], answer["parse_errors"]) == (200, 1, 1)
    assert answer["ack"] == "validated"
    assert service.stored == []


def test_a_cut_body_loses_its_last_line_and_is_never_complete() -> None:
    service = Service()
    status, answer = service.post(NDJSON, GOOD % 1 + (GOOD % 2).strip(), cut=True)
    assert (status, answer["code"]) == (400, "truncated-body")
    assert answer["accepted"] == len(service.stored) <= 1


@pytest.mark.parametrize("ack", ["committed", "enqueued"])
def test_rows_given_back_are_never_accepted(ack: Ack) -> None:
    status, answer = Service(fate="fail", ack=ack).post(NDJSON, GOOD % 1, GOOD % 2)
    if ack == "committed":
        assert (status, answer["code"], answer["accepted"]) == (503, "sink-unavailable", 0)
        assert answer["retryable"] is True
    else:
        assert status in (200, 503)  # buffered rows may fail before or after the answer


def test_rows_refused_by_the_database_are_reported_with_their_line() -> None:
    status, answer = Service(fate="reject").post(NDJSON, "\n", GOOD % 1)
    assert (status, answer["rejected"]) == (422, 1)
    assert answer["errors"][0]["line"] == 2
    assert answer["errors"][0]["code"] == "sink-rejected"


def test_limits_and_refusals_answer_before_anything_is_taken() -> None:
    assert Service(sessions_max=0).post(NDJSON, GOOD % 1)[1]["code"] == "overloaded"
    suspended = Service(refusal=Failure("table-suspended", "resume it"))
    status, answer = suspended.post(NDJSON, GOOD % 1)
    assert (status, answer["code"], answer["detail"]) == (503, "table-suspended", "resume it")
    assert Service(tokens=["t"]).post(NDJSON, GOOD % 1)[0] == 401
    assert Service(tokens=["t"]).post(NDJSON, GOOD % 1, token="t")[0] == 200
    assert suspended.stored == []


def test_answers_are_counted_by_the_name_of_the_token_and_wrong_ones_nowhere() -> None:
    service = Service(tokens=["t"])

    def counted() -> TokenTotals:
        totals: TokenTotals = {}
        add_tokens(totals, service.measures.words, ["head-end", "other"])
        assert totals.pop("other") == (0, 0)
        return totals

    assert service.post(NDJSON, GOOD % 1, GOOD % 2, BAD, token="t")[0] == 200
    assert counted() == {"head-end": (1, 2)}
    for token in ("wrong", "head-end", None):
        assert service.post(NDJSON, GOOD % 1, token=token)[0] == 401
    assert counted() == {"head-end": (1, 2)}
    assert service.post(NDJSON, GOOD % 1, token="t", query="validate_only=true")[0] == 200
    assert service.post(NDJSON, BAD, token="t")[0] == 422
    service.fate = "fail"
    assert service.post(NDJSON, GOOD % 1, token="t")[0] == 503
    assert counted() == {"head-end": (4, 2)}
    assert Service().post(NDJSON, GOOD % 1)[0] == 200, "an open stream has no names"


def test_too_many_records_name_the_limit() -> None:
    status, answer = Service(max_request_records=2).post(NDJSON, (GOOD % 1) * 3)
    assert (status, answer["code"]) == (413, "too-many-records")
    assert "2" in answer["detail"]


DAILY = '{"ts":"2024-01-%02dT00:00:00Z","meter_id":"m","kwh":1}\n'


def test_too_many_days_name_the_limit_and_accepted_tells_what_is_stored() -> None:
    service = Service(max_request_days=3)
    body = "".join(DAILY % (1 + n % 3) for n in range(30))
    assert service.post(NDJSON, body)[0] == 200, "many rows on three days"
    service.stored.clear()
    status, answer = service.post(NDJSON, body, *(DAILY % day for day in range(4, 9)))
    assert (status, answer["code"], answer["retryable"]) == (400, "too-many-days", False)
    assert "3 different days (max_request_days)" in answer["detail"]
    assert answer["accepted"] == len(service.stored)
    array = "[" + ",".join((DAILY % day).strip() for day in range(1, 5)) + "]"
    status, answer = service.post(ARRAY, array)
    assert (status, answer["code"], answer["accepted"]) == (400, "too-many-days", 0)
    status, answer = service.post(ARRAY, array, query="validate_only=true")
    assert (status, answer["code"]) == (400, "too-many-days")


def test_days_far_apart_are_counted_and_not_what_lies_between() -> None:
    far = '{"ts":"2000-01-01T00:00:00Z","meter_id":"m","kwh":1}\n'
    service = Service(max_request_days=2)
    assert service.post(NDJSON, DAILY % 1 + far + DAILY % 1)[0] == 200


def test_a_block_larger_than_the_queue_is_taken_in_parts() -> None:
    service = Service()
    status, answer = service.post(NDJSON, "".join(GOOD % (n % 60) for n in range(350)))
    assert (status, answer["accepted"]) == (200, 350)
    assert len(service.stored) == 350


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [("/ingest/other/ndjson", "POST", 404), (NDJSON, "GET", 405), (ARRAY + "/", "POST", 404)],
)
def test_other_paths_and_methods(path: str, method: str, status: int) -> None:
    assert Service().post(path, "x", method=method)[0] == status


def test_more_bad_lines_than_allowed_and_than_good_ones_end_the_request() -> None:
    service = Service(max_request_errors=3)
    status, answer = service.post(NDJSON, GOOD % 1, GOOD % 2, BAD * 3, GOOD % 3, BAD, GOOD % 4)
    assert (status, answer["code"], answer["retryable"]) == (400, "too-many-errors", False)
    assert "more than 3 records" in answer["detail"]
    assert "max_request_errors" in answer["detail"]
    assert (answer["accepted"], answer["parse_errors"]) == (3, 4)
    assert [error["line"] for error in answer["errors"]] == [3, 4, 5, 7]
    assert len(service.stored) == 3


@pytest.mark.parametrize(
    ("body", "limit"), [(BAD * 3, 3), (BAD * 4 + GOOD % 1, 0), (GOOD % 1 * 4 + BAD * 4, 3)]
)
def test_bad_lines_within_the_limit_or_beside_as_many_good_ones_are_only_reported(
    body: str, limit: int
) -> None:
    # One chunk for each line, so that they are counted one by one.
    status, answer = Service(max_request_errors=limit).post(NDJSON, *body.splitlines(keepends=True))
    assert status in (200, 422)
    assert answer["parse_errors"] == body.count(BAD)


def test_bad_elements_of_an_array_have_the_same_limit() -> None:
    status, answer = Service(max_request_errors=3).post(ARRAY, "[" + ",".join(["1"] * 4) + "]")
    assert (status, answer["code"], answer["accepted"]) == (400, "too-many-errors", 0)


def test_limit_on_errors_holds_where_nothing_is_stored() -> None:
    service = Service(max_request_errors=3)
    status, answer = service.post(NDJSON, GOOD % 1, BAD * 4, query="validate_only=true")
    assert (status, answer["code"], answer["accepted"]) == (400, "too-many-errors", 0)


def test_strict_request_ends_at_its_first_bad_line_as_before() -> None:
    status, answer = Service(max_request_errors=3, strict=True).post(NDJSON, BAD * 2)
    assert (status, answer["code"]) == (400, "strict-rejected")


@pytest.mark.parametrize(
    ("path", "body"),
    [(NDJSON, GOOD % 1 * 10), (ARRAY, "[" + ",".join([GOOD % 1] * 10) + "]")],
    ids=["ndjson", "array"],
)
@pytest.mark.parametrize("trouble", ["gone", "drain"])
def test_wait_for_room_ends_with_the_client_and_with_a_drain(
    path: str, body: str, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The queue is full and stays so; the wait for room has 5 s."""
    monkeypatch.setattr("utility_ts_analytics.asgi.admission._TICK_S", 0.02)
    monkeypatch.setattr("utility_ts_analytics.asgi.body._LONG_WORK_S", 0.01)
    service = Service()
    messages = [{"type": "http.request", "body": body.encode(), "more_body": False}]
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        if trouble == "drain":
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    async def run() -> None:
        queue = BlockQueue(rows_max=100, bytes_max=10_000)
        app = service._app(queue)
        scope = {"type": "http", "path": path, "method": "POST", "headers": [], "query_string": b""}
        async with asyncio.timeout(2.5):
            await queue.reserve(95, 0)  # what others hold: a request is let in, and has to wait
            request = asyncio.ensure_future(app(scope, receive, send))
            if trouble == "drain":
                await asyncio.sleep(0.05)
                app._endpoint.cut_bodies(asyncio.get_running_loop().time())
            await request
        assert (queue.wanted_rows, queue.producers) == (0, 0)

    asyncio.run(run())
    answer = json.loads(sent[1]["body"])
    expected = {"gone": (400, "truncated-body"), "drain": (503, "draining")}
    assert (sent[0]["status"], answer["code"]) == expected[trouble]
    assert answer["accepted"] == 0
