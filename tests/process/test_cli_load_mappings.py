"""`load --mapping` where something else goes wrong: another file, the disk, the mapping itself."""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.process.running_load import LOAD_TIMEOUT_S, Loader, ended, loader, slow_loader
from tests.process.running_service import MakeId, QuestDBPorts, command_environment
from tests.process.stored_tables import StoredTables
from tests.small_disk import mounted

pytestmark = [pytest.mark.process, pytest.mark.questdb]

HEAD = "Meter;Time;Usage\n"
SELECT = (
    "SELECT rec, Meter AS meter_id, utc('Europe/Berlin', wall(Time, '%d.%m.%Y %H:%M:%S')) AS ts,"
    " num(Usage, point := ',') AS kwh, Usage AS kwh_text FROM csv($path, sep := ';')"
)


@pytest.fixture
def load(questdb: QuestDBPorts, tmp_path: Path) -> Iterator[Loader]:
    load = loader(tmp_path, questdb)
    (load.place / "m.sql").write_text(SELECT)
    yield load
    load.close()


@pytest.fixture
def slow(questdb: QuestDBPorts, tmp_path: Path) -> Iterator[Loader]:
    with slow_loader(tmp_path, questdb) as load:
        (load.place / "m.sql").write_text(SELECT)
        yield load


def export(meter_id: str, rows: int, first: int = 0) -> str:
    """Return rows of an export: one a second, `1,5` each."""
    return "".join(
        f"{meter_id};{1 + n // 86_400:02}.06.2024"
        f" {n // 3_600 % 24:02}:{n // 60 % 60:02}:{n % 60:02};1,5\n"
        for n in range(first, first + rows)
    )


def stored(tables: StoredTables, meter_id: str) -> tuple[object, ...]:
    tables.wait_applied("meter_usage")
    sql = f"SELECT count(), sum(kwh) FROM meter_usage WHERE meter_id = '{meter_id}'"
    return tuple(tables.execute(sql)[0])


def test_bad_file_among_thirty_keeps_no_other_out(
    load: Loader, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    folder = load.place / "in"
    folder.mkdir()
    for number in range(30):
        text = HEAD + export(meter_id, 3, 3 * number)
        if number == 20:
            text = text.replace("Usage", "Verbrauch")
        if number == 21:
            text = text.replace("1,5", "n/a", 1)
        (folder / f"{number:03}.csv").write_text(text)
    facts = load.facts("in", "--mapping", "m.sql", code=1)
    assert facts["accepted"] == 29 * 3 - 1
    assert stored(tables, meter_id) == (29 * 3 - 1, (29 * 3 - 1) * 1.5)
    states = [file["state"] for file in facts["files"]]
    assert (states.count("complete"), states.count("failed"), states[20]) == (29, 1, "failed")
    problem = facts["files"][20]["problem"]
    assert '020.csv by the mapping: Binder Error: Referenced column "Usage" not found' in problem
    assert 'the file has "Meter", "Time", "Verbrauch"' in problem
    [error] = facts["files"][21]["errors"]
    assert (error["line"], error["field"], "n/a" in str(error)) == (2, "kwh", True)


def test_mapping_that_changed_begins_at_the_start(
    slow: Loader, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id, rows = make_id("m"), 40_000
    (slow.place / "a.csv").write_text(HEAD + export(meter_id, rows))
    process = slow.start("a.csv", "--mapping", "m.sql")
    slow.wait_journalled(process, 5_000)
    process.send_signal(signal.SIGKILL)
    ended(process)
    (slow.place / "m.sql").write_text(SELECT.replace("num(Usage, point := ',')", "3"))
    done = slow.run("a.csv", "--mapping", "m.sql")
    assert "not the same as in the interrupted run" in done.stderr
    assert f"{rows:,} of {rows:,} rows stored" in done.stdout
    assert stored(tables, meter_id) == (rows, 3.0 * rows)


@pytest.mark.parametrize("dry_run", [[], ["--dry-run"]])
def test_full_disk_under_the_temporary_folder_is_told(
    load: Loader, dry_run: list[str], make_id: MakeId
) -> None:
    (load.place / "a.csv").write_text(HEAD + export(make_id("m"), 300_000))
    (load.place / "m.sql").write_text(
        f"SELECT * EXCLUDE pad FROM (SELECT *, repeat(kwh_text, 1000) AS pad FROM ({SELECT}))"
        " ORDER BY pad, rec"
    )
    with mounted(load.place / "small", "1m") as small:
        done = subprocess.run(
            load.command("a.csv", "--mapping", "m.sql", *dry_run),
            cwd=load.place,
            env={**command_environment(), "TMPDIR": str(small)},
            capture_output=True,
            text=True,
            timeout=LOAD_TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert f"make room in {small}, or set TMPDIR" in done.stdout + done.stderr
        assert list(small.iterdir()) == []


def test_file_that_grows_while_it_is_read_is_whole_after_the_next_load(
    slow: Loader, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id, rows = make_id("m"), 60_000
    path = slow.place / "a.csv"
    path.write_text(HEAD + export(meter_id, rows))
    process = slow.start("a.csv", "--mapping", "m.sql")
    slow.wait_journalled(process, 2_000)
    with path.open("a") as file:
        file.write(export(meter_id, 500, rows))
    _, output, errors = ended(process)
    assert "Traceback" not in output + errors
    done = slow.run("a.csv", "--mapping", "m.sql")
    assert done.returncode == 0
    assert stored(tables, meter_id) == (rows + 500, 1.5 * (rows + 500))
