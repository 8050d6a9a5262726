"""A QuestDB with its own defaults makes tables by itself: nothing is acknowledged into one."""

import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.conftest import TestQuestDB
from tests.process.running_service import MakeId, RunningService, run_command, run_service
from tests.process.sample_readings import expected_kwh, reading_lines
from tests.process.stored_tables import StoredTables, until

from utility_ts_analytics.clock import SystemClock

pytestmark = [pytest.mark.process, pytest.mark.questdb]

TABLE = "meter_usage"
ROWS = 5
SINK = {"request_timeout_ms": 2_000, "delivery_timeout_ms": 20_000, "max_retries": 100}


@pytest.fixture
def service(stock_questdb: TestQuestDB, tmp_path: Path) -> Iterator[RunningService]:
    with run_service(tmp_path, stock_questdb, {TABLE: {"sink": SINK}}) as running:
        yield running


def command(service: RunningService, *arguments: str) -> tuple[int, str]:
    done = run_command(*arguments, "--config", str(service.config), cwd=service.config.parent)
    return done.returncode, done.stdout + done.stderr


@dataclass(slots=True)
class Poster:
    """Posts a body for a new meter, one after the other, until it is told to stop."""

    service: RunningService
    make_id: MakeId
    clock: SystemClock = field(default_factory=SystemClock)
    stored: list[tuple[float, str]] = field(default_factory=list)
    refused: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while not self.stopped.is_set():
            meter_id, began_s = self.make_id("m"), self.clock.monotonic_s()
            if self.service.post_lines(reading_lines(meter_id, ROWS)).status == 200:
                self.stored.append((began_s, meter_id))
            else:
                self.refused += 1
                self.stopped.wait(0.02)


def posting(service: RunningService, make_id: MakeId, posters: int = 3) -> list[Poster]:
    return [Poster(service, make_id) for _ in range(posters)]


def test_emptied_data_directory_takes_no_row_before_the_schema_is_applied(
    stock_questdb: TestQuestDB, service: RunningService, make_id: MakeId
) -> None:
    """Batches are sent again over the restart, and must not make the table anew."""
    tables = StoredTables(stock_questdb.http_port)
    service.post_lines(reading_lines(make_id("m"), ROWS)).accepted_all()
    posters = posting(service, make_id)
    threads = [threading.Thread(target=poster.run) for poster in posters]
    stock_questdb.stop()
    emptied_s = SystemClock().monotonic_s()
    for thread in threads:
        thread.start()
    try:
        shutil.rmtree(Path(stock_questdb.server.log_path).parents[1] / "db")
        stock_questdb.start_bare()
        until(lambda: "schema-missing" in str(service.post_lines(reading_lines("x", 1))), "seen")
        threading.Event().wait(1.0)
        made = tables.execute(f"SELECT count() FROM tables() WHERE table_name = '{TABLE}'")
        assert made == [[0]]
        assert not any(poster.stored for poster in posters)

        code, text = command(service, "schema", "apply")
        assert code == 0, text
        service.wait_ready()
        until(lambda: all(poster.stored for poster in posters), "rows are taken again")
    finally:
        for poster in posters:
            poster.stopped.set()
        for thread in threads:
            thread.join()
    for began_s, meter_id in (kept for poster in posters for kept in poster.stored):
        assert began_s > emptied_s
        assert [row["kwh"] for row in tables.meter(meter_id)] == expected_kwh(ROWS)


def test_rows_acknowledged_after_a_drop_are_in_the_table_that_was_made_again(
    stock_questdb: TestQuestDB, service: RunningService, make_id: MakeId
) -> None:
    tables = StoredTables(stock_questdb.http_port)
    posters = posting(service, make_id)
    threads = [threading.Thread(target=poster.run) for poster in posters]
    for thread in threads:
        thread.start()
    dropped_s = 0.0
    try:
        for _ in range(3):
            until(lambda: all(poster.stored for poster in posters), "rows are stored")
            tables.execute(f"DROP TABLE {TABLE}")
            dropped_s = SystemClock().monotonic_s()
            threading.Event().wait(0.5)
            code, text = command(service, "schema", "apply")
            assert code == 0, text
            until(
                lambda: all(poster.stored[-1][0] > dropped_s for poster in posters),  # noqa: B023
                "rows are stored again",
            )
    finally:
        for poster in posters:
            poster.stopped.set()
        for thread in threads:
            thread.join()
    after = [
        meter_id for poster in posters for began_s, meter_id in poster.stored if began_s > dropped_s
    ]
    assert after
    for meter_id in after:
        assert [row["kwh"] for row in tables.meter(meter_id)] == expected_kwh(ROWS)
    assert command(service, "check")[0] == 0


def test_table_that_another_client_had_made_is_refused_with_the_way_out(
    stock_questdb: TestQuestDB, service: RunningService, make_id: MakeId
) -> None:
    tables = StoredTables(stock_questdb.http_port)
    body = reading_lines(make_id("m"), ROWS)
    tables.execute(f"DROP TABLE {TABLE}")
    stock_questdb.write(b'meter_usage,meter_id=a event_id="e",kwh=1 1735689600000000000\n')
    until(lambda: "made this table by itself" in service.unreadiness(), "/readyz says so")

    def way_out_is_told() -> bool:
        problem = service.post_lines(body).problem(503, "schema-missing")
        return f"RENAME TABLE {TABLE} TO {TABLE}_made_by_ilp" in problem.detail

    until(way_out_is_told, "the worker has seen it too")
    code, text = command(service, "schema", "apply")
    assert code == 1, text
    assert "DROP TABLE" in text
    assert tables.execute(f"SELECT kwh FROM {TABLE}") == [[1.0]]

    tables.execute(f"RENAME TABLE {TABLE} TO {TABLE}_made_by_ilp")
    code, text = command(service, "schema", "apply")
    assert code == 0, text
    service.wait_ready()
    until(lambda: service.post_lines(body).status == 200, "posts are taken")


def test_check_readiness_and_status_name_the_settings(
    stock_questdb: TestQuestDB, service: RunningService
) -> None:
    said = [command(service, "check"), command(service, "status")]
    assert [code for code, _ in said] == [0, 0]
    until(lambda: b"line.auto" in service.ask_operations("/readyz").body, "/readyz says so")
    texts = [text for _, text in said] + [service.ask_operations("/readyz").body.decode()]
    for text in texts:
        words = " ".join(text.split())
        assert "line.auto.create.new.tables=false" in words
        assert "QDB_LINE_AUTO_CREATE_NEW_COLUMNS=false" in words
