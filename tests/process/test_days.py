"""Days: what one request, one batch and one table can do to QuestDB on a default kernel.

With a QuestDB of their own: thousands of partitions would slow down every later test.
"""

import gzip
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.process.own_questdb import OwnQuestDB, apply_schema
from tests.process.raw_http import ask
from tests.process.running_service import RunningService, run_command, run_service
from tests.process.stored_tables import until

from utility_ts_analytics.database.memory_maps import MAPS_LIMIT_ADVISED

pytestmark = [pytest.mark.process, pytest.mark.questdb]

FIRST = datetime(2003, 1, 1, tzinfo=UTC)
FIVE_YEARS_DAYS = 1_826
REQUEST_DAYS_MAX = 2_000
APPLIED_TIMEOUT_S = 120.0


def meter_lines(meter_id: str, instants: Iterable[datetime]) -> bytes:
    line = '{"ts":"%s","meter_id":"%s","premise_id":"p-1","kwh":1.5}\n'
    return "".join(line % (ts.isoformat(), meter_id) for ts in instants).encode()


def daily(days: int) -> Iterator[datetime]:
    return (FIRST + timedelta(days=day) for day in range(days))


def wait_applied_or_suspended(own: OwnQuestDB) -> list[object]:
    """Return the suspended tables, once nothing else waits to become visible."""
    sql = "SELECT name FROM wal_tables() WHERE NOT suspended AND writerTxn != sequencerTxn"
    until(lambda: not own.tables.execute(sql), "all is applied", timeout_s=APPLIED_TIMEOUT_S)
    rows = own.tables.execute("SELECT name FROM wal_tables() WHERE suspended")
    return [name for (name,) in rows]


@contextmanager
def service_on(own: OwnQuestDB, place: Path) -> Iterator[RunningService]:
    """Run a service beside `own`, which is started, too."""
    own.server.start()
    folder = place / "service"
    folder.mkdir()
    with run_service(folder, own.addresses, {}, ready=False) as service:
        apply_schema(service, place)
        service.wait_ready()
        yield service


def test_a_post_of_8000_days_is_refused_and_both_streams_go_on(
    own: OwnQuestDB, tmp_path: Path
) -> None:
    with service_on(own, tmp_path) as service:
        body = gzip.compress(meter_lines("m-1", daily(8_000)))
        answer = service.post_lines(body, headers={"content-encoding": "gzip"})
        problem = answer.problem(400, "too-many-days")
        assert not problem.retryable
        assert f"{REQUEST_DAYS_MAX} different days (max_request_days)" in problem.detail
        assert problem.accepted <= REQUEST_DAYS_MAX
        assert wait_applied_or_suspended(own) == []
        sums = "SELECT count(), sum(kwh) FROM meter_usage"
        assert own.tables.execute(sums)[0][0] == problem.accepted
        plants = b'{"ts":"2026-01-01T00:00:00Z","plant_id":"p-1","mw":1}\n'
        assert service.post_lines(plants, stream="generation_output").accepted_all().accepted == 1
        assert service.post_lines(meter_lines("m-1", [FIRST])).accepted_all().accepted == 1
        assert wait_applied_or_suspended(own) == []


def test_five_years_of_one_meter_in_one_body_are_stored(own: OwnQuestDB, tmp_path: Path) -> None:
    count = FIVE_YEARS_DAYS * 96
    instants = [FIRST + timedelta(minutes=15 * number) for number in range(count)]
    with service_on(own, tmp_path) as service:
        assert service.post_lines(meter_lines("m-1", instants)).accepted_all().accepted == count
        noons = instants[48::96]
        body = gzip.compress(meter_lines("m-2", noons), 1)
        answer = service.post_lines(body, headers={"content-encoding": "gzip"})
        assert answer.accepted_all().accepted == len(noons)
        assert wait_applied_or_suspended(own) == []
        stored = own.tables.execute("SELECT meter_id, count() FROM meter_usage ORDER BY 1")
        assert stored == [["m-1", count], ["m-2", len(noons)]]


def test_twenty_years_in_a_file_are_cut_and_what_is_near_the_limit_is_told(
    own: OwnQuestDB, tmp_path: Path
) -> None:
    """Row after row is another day, so this is ten years day by day as well, and ten more."""
    days, plant_days = 7_305, 400
    with service_on(own, tmp_path) as service:
        pass  # for its tables and its configuration
    config = ["--config", str(service.config)]
    usage = tmp_path / "usage.csv"
    rows = "".join(f"{ts.isoformat()},m-1,1.5\n" for ts in daily(days))
    usage.write_text(f"ts,meter_id,kwh\n{rows}")
    plants = tmp_path / "plants.ndjson"
    line = '{"ts":"%s","plant_id":"p-1","mw":1.5}\n'
    plants.write_text("".join(line % ts.isoformat() for ts in daily(plant_days)))
    for path, stream in ((usage, "meter_usage"), (plants, "generation_output")):
        done = run_command("load", str(path), "--into", stream, *config, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
    assert wait_applied_or_suspended(own) == []
    assert own.tables.execute("SELECT count() FROM meter_usage") == [[days]]
    assert own.tables.execute("SELECT count() FROM generation_output") == [[plant_days]]
    [[transactions]] = own.tables.execute(
        "SELECT sequencerTxn FROM wal_tables() WHERE name = 'meter_usage'"
    )
    assert transactions == 4, "batches of 2,000 days"

    check = run_command("check", *config, cwd=tmp_path)
    assert f"partitions: meter_usage {days}, generation_output {plant_days}" in check.stdout
    assert "this machine's vm.max_map_count is" in check.stdout
    service.start()
    try:
        service.wait_ready()
        needed = 2_000 + 2 * (10 * days + 8 * plant_days)
        is_near = int(Path("/proc/sys/vm/max_map_count").read_text()) < needed
        advice = f"sysctl -w vm.max_map_count={MAPS_LIMIT_ADVISED}"

        def warned() -> bool:
            answer = ask(service.ports.operations, "/readyz")
            assert answer.status == 200, answer
            return advice in "".join(json.loads(answer.body)["warnings"])

        if is_near:
            until(warned, "/readyz warns")
        assert (advice in check.stdout) == is_near
        # One query over all days may fail on a default kernel; it takes nothing with it.
        ask(own.addresses.ports.http, "/exec?query=SELECT%20sum(kwh)%20FROM%20meter_usage")
        assert service.post_lines(meter_lines("m-2", [FIRST])).accepted_all().accepted == 1
        assert wait_applied_or_suspended(own) == []
    finally:
        service.end()
