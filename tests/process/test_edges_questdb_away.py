"""QuestDB that is not there, goes away or stops applying: said at once, and over by itself."""

from pathlib import Path

import pytest
from tests.process.own_questdb import OwnQuestDB, apply_schema
from tests.process.raw_http import Answer
from tests.process.running_service import MakeId, RunningService, run_service
from tests.process.sample_readings import expected_kwh, reading_lines
from tests.process.stored_tables import until

from utility_ts_analytics.clock import SystemClock

pytestmark = [pytest.mark.process, pytest.mark.questdb]

REFUSAL_S_MAX = 15.0
"""Longest time to a 503: the delivery of the tests below gives up after 5 s."""

SINK = {"delivery_timeout_ms": 5_000, "request_timeout_ms": 2_000}


def assert_refused(answer: Answer, code: str) -> str:
    """Check a 503 that may be tried again; return its detail."""
    problem = answer.problem(503, code)
    assert (problem.retryable, problem.accepted) == (True, 0)
    assert answer.retry_after_s >= 1
    assert problem.detail
    return problem.detail


def is_refused(service: RunningService, body: bytes, code: str) -> bool:
    answer = service.post_lines(body)
    return answer.status == 503 and f'"{code}"'.encode() in answer.body


def test_service_starts_without_questdb_and_works_once_it_and_the_tables_are_there(
    own: OwnQuestDB, tmp_path: Path, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    body = reading_lines(meter_id, 5)
    with run_service(tmp_path, own.addresses, {}, ready=False) as service:
        until(lambda: "cannot" in service.unreadiness(), "/readyz says why")
        assert "QuestDB" in service.unreadiness()
        assert service.ask_operations("/healthz").status == 200
        assert_refused(service.post_lines(body), "sink-unavailable")
        assert_refused(service.post_array(b"[]"), "sink-unavailable")

        own.server.start()
        until(lambda: is_refused(service, body, "schema-missing"), "the tables are missed")
        detail = assert_refused(service.post_lines(body), "schema-missing")
        assert "meter_usage" in detail
        assert "schema apply" in detail
        until(lambda: "meter_usage" in service.unreadiness(), "/readyz names the table")

        apply_schema(service, tmp_path)
        service.wait_ready()
        assert service.post_lines(body).accepted_all().accepted == 5
        assert [row["kwh"] for row in own.tables.meter(meter_id)] == expected_kwh(5)


def test_questdb_that_stops_and_comes_back_costs_no_row_and_no_restart(
    own: OwnQuestDB, tmp_path: Path, make_id: MakeId
) -> None:
    clock = SystemClock()
    before, after = make_id("m"), make_id("m")
    own.server.start()
    with run_service(
        tmp_path, own.addresses, {"meter_usage": {"sink": SINK}}, ready=False
    ) as service:
        apply_schema(service, tmp_path)
        service.wait_ready()
        assert service.post_lines(reading_lines(before, 50)).accepted_all().accepted == 50

        own.server.stop()
        for _ in range(2):
            began_s = clock.monotonic_s()
            assert_refused(service.post_lines(reading_lines(after, 50)), "sink-unavailable")
            assert clock.monotonic_s() - began_s < REFUSAL_S_MAX
        until(lambda: "QuestDB" in service.unreadiness(), "/readyz says so")

        own.server.start()
        service.wait_ready()
        until(lambda: service.post_lines(reading_lines(after, 50)).status == 200, "posts are taken")
        for meter_id in (before, after):
            assert [row["kwh"] for row in own.tables.meter(meter_id)] == expected_kwh(50)


def test_suspended_table_is_refused_until_it_is_resumed(
    own: OwnQuestDB, tmp_path: Path, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    body = reading_lines(meter_id, 5)
    own.server.start()
    with run_service(tmp_path, own.addresses, {}, ready=False) as service:
        apply_schema(service, tmp_path)
        service.wait_ready()
        own.tables.execute("ALTER TABLE meter_usage SUSPEND WAL")
        until(lambda: is_refused(service, body, "table-suspended"), "the suspension is seen")
        assert "RESUME WAL" in assert_refused(service.post_lines(body), "table-suspended")
        until(lambda: "meter_usage" in service.unreadiness(), "/readyz names the table")
        plant = b'{"ts":"2024-01-01T00:00:00Z","plant_id":"p","mw":1}'
        assert service.post_lines(plant, stream="generation_output").status == 200

        own.tables.execute("ALTER TABLE meter_usage RESUME WAL")
        service.wait_ready()
        until(lambda: service.post_lines(body).status == 200, "posts are taken again")
        assert [row["kwh"] for row in own.tables.meter(meter_id)] == expected_kwh(5)
