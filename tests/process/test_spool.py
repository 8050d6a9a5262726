"""Store and forward: 202 while QuestDB is away, and every row in the table once it is back."""

import contextlib
import os
import signal
import sqlite3
from pathlib import Path

import pytest
from tests.process.own_questdb import OwnQuestDB, apply_schema
from tests.process.process_family import worker_on
from tests.process.raw_http import Answer
from tests.process.running_service import MakeId, RunningService, run_service
from tests.process.sample_readings import expected_kwh, reading_lines
from tests.process.scraped_metrics import scrape
from tests.process.stored_tables import until

from utility_ts_analytics.clock import SystemClock

pytestmark = [pytest.mark.process, pytest.mark.questdb]

SINK = {"delivery_timeout_ms": 3_000, "request_timeout_ms": 1_000, "max_retries": 1}
AT_ONCE_S = 1.0


def settings_with(folder: Path, **spool: object) -> dict[str, object]:
    return {"meter_usage": {"sink": SINK, "spool": {"dir": str(folder), **spool}}}


def assert_spooled(answer: Answer, rows: int) -> None:
    assert answer.status == 202, answer
    summary = answer.summary()
    assert (summary.ack, summary.accepted, summary.errors) == ("spooled", rows, [])


def is_spooled(service: RunningService, body: bytes) -> bool:
    return service.post_lines(body).status == 202


def spooled_rows(folder: Path) -> int:
    [path] = folder.glob("meter_usage.*.sqlite3")
    with contextlib.closing(sqlite3.connect(path, timeout=10)) as database:
        (rows,) = database.execute("select row_count from totals").fetchone()
    return int(rows)


def test_rows_wait_on_the_disk_while_questdb_is_away_and_are_stored_afterwards(
    own: OwnQuestDB, tmp_path: Path, make_id: MakeId
) -> None:
    clock = SystemClock()
    folder = tmp_path / "spool"
    ids = [make_id("m") for _ in range(3)]
    own.server.start()
    with run_service(tmp_path, own.addresses, settings_with(folder), ready=False) as service:
        apply_schema(service, tmp_path)
        service.wait_ready()
        assert service.post_lines(reading_lines(ids[0], 200)).accepted_all().ack == "committed"
        own.server.stop()
        until(lambda: is_spooled(service, reading_lines(ids[1], 200)), "rows are spooled")
        began_s = clock.monotonic_s()
        assert_spooled(service.post_lines(reading_lines(ids[1], 200)), 200)
        assert_spooled(service.post_array(b"[%s]" % reading_lines(ids[2], 1)), 1)
        assert clock.monotonic_s() - began_s < AT_ONCE_S
        until(lambda: "QuestDB" in service.unreadiness(), "/readyz says so all the same")

        own.server.start()
        until(lambda: spooled_rows(folder) == 0, "the spool is empty")
        body = reading_lines(ids[2], 300)
        until(lambda: service.post_lines(body).status == 200, "posts are stored at once again")
        for meter_id, rows in zip(ids, (200, 200, 300), strict=True):
            assert [row["kwh"] for row in own.tables.meter(meter_id)] == expected_kwh(rows)


def test_later_reading_of_one_key_wins_also_through_the_spool(
    own: OwnQuestDB, tmp_path: Path, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    line = '{"ts":"2024-01-01T00:00:00Z","meter_id":"%s","kwh":%d}\n'
    folder = tmp_path / "spool"
    own.server.start()
    with run_service(tmp_path, own.addresses, settings_with(folder), ready=False) as service:
        apply_schema(service, tmp_path)
        service.wait_ready()
        own.server.stop()
        until(lambda: is_spooled(service, b"" + (line % (meter_id, 0)).encode()), "spooling")
        for kwh in range(1, 20):
            assert_spooled(service.post_lines((line % (meter_id, kwh)).encode()), 1)
        own.server.start()
        until(lambda: spooled_rows(folder) == 0, "the spool is empty")
        assert [row["kwh"] for row in own.tables.meter(meter_id)] == [19.0]


def test_killed_worker_and_restarted_service_lose_no_spooled_row(
    own: OwnQuestDB, tmp_path: Path, make_id: MakeId
) -> None:
    folder = tmp_path / "spool"
    ids = [make_id("m") for _ in range(3)]
    own.server.start()
    with run_service(tmp_path, own.addresses, settings_with(folder), ready=False) as service:
        apply_schema(service, tmp_path)
        service.wait_ready()
        own.server.stop()
        until(lambda: is_spooled(service, reading_lines(ids[0], 100)), "rows are spooled")
        os.kill(worker_on(service.ports.meter_usage), signal.SIGKILL)

        def is_replaced() -> bool:
            try:
                return is_spooled(service, reading_lines(ids[1], 100))
            except OSError:
                return False

        until(is_replaced, "the next worker spools")
        until(
            lambda: scrape(service).value("ingestion_rows_spooled", stream="meter_usage") >= 200,
            "the rows of the dead worker stay in the books",
        )
        assert scrape(service).imbalance("meter_usage") == 0
        assert service.terminate() == 0
    assert spooled_rows(folder) >= 200
    own.server.start()
    with run_service(tmp_path, own.addresses, settings_with(folder)) as service:
        assert service.post_lines(reading_lines(ids[2], 100)).status in (200, 202)
        until(lambda: spooled_rows(folder) == 0, "the spool is empty")
        until(
            lambda: scrape(service).value("ingestion_rows_in_flight", stream="meter_usage") == 0,
            "all is booked as stored",
        )
        seen = scrape(service)
        assert seen.imbalance("meter_usage") == 0
        recovered = seen.value("ingestion_rows_recovered_total", stream="meter_usage")
        stored = seen.value("ingestion_rows_stored_total", stream="meter_usage")
        assert recovered >= 200
        assert stored == recovered + 100
    for meter_id in ids:
        assert [row["kwh"] for row in own.tables.meter(meter_id)] == expected_kwh(100)


def test_full_spool_is_503_and_what_is_in_it_is_kept(
    own: OwnQuestDB, tmp_path: Path, make_id: MakeId
) -> None:
    folder = tmp_path / "spool"
    first, second = make_id("m"), make_id("m")
    limits = settings_with(folder, max_bytes=1_048_576)
    own.server.start()
    with run_service(tmp_path, own.addresses, limits, ready=False) as service:
        apply_schema(service, tmp_path)
        service.wait_ready()
        own.server.stop()
        until(lambda: is_spooled(service, reading_lines(first, 100)), "rows are spooled")
        answer = service.post_lines(reading_lines(second, 20_000, step_s=1))
        problem = answer.problem(503, "sink-unavailable")
        assert "max_bytes" in problem.detail
        assert problem.accepted < 20_000
        assert answer.retry_after_s >= 1
        own.server.start()
        until(lambda: spooled_rows(folder) == 0, "the spool is empty")
        assert [row["kwh"] for row in own.tables.meter(first)] == expected_kwh(100)
        assert own.tables.count_meter(second) >= problem.accepted
