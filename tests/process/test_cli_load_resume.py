"""A load that ends in the middle, whatever ends it, and goes on: nothing lost, nothing twice."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import pytest
from tests.process.own_questdb import OwnQuestDB
from tests.process.running_load import SMALL, Loader, ended, loader, slow_loader
from tests.process.running_service import MakeId, QuestDBPorts, run_command
from tests.process.sample_readings import reading_lines
from tests.process.stored_tables import StoredTables, until

pytestmark = [pytest.mark.process, pytest.mark.questdb]

ROWS = 60_000
BAD_EVERY = 2_000
MET_LINES = 10_000


@pytest.fixture
def slow(questdb: QuestDBPorts, tmp_path: Path) -> Iterator[Loader]:
    with slow_loader(tmp_path, questdb) as load:
        yield load


def year_of(meter_id: str, path: Path, rows: int = ROWS) -> Sequence[bytes]:
    """Write readings of one meter, of which every 2,000th is negative; return those."""
    lines = reading_lines(meter_id, rows, step_s=1).splitlines(keepends=True)
    bad = []
    for index in range(BAD_EVERY - 1, rows, BAD_EVERY):
        record = msgspec.json.decode(lines[index])
        lines[index] = msgspec.json.encode({**record, "kwh": -1.0}) + b"\n"
        bad.append(lines[index])
    path.write_bytes(b"".join(lines))
    return bad


def stored(tables: StoredTables, meter_id: str) -> tuple[object, ...]:
    """Return rows, different times, different event ids and the sum of a meter."""
    tables.wait_applied("meter_usage")
    sql = (
        "SELECT count(), count_distinct(ts), count_distinct(event_id), sum(cast(kwh AS LONG))"
        f" FROM meter_usage WHERE meter_id = '{meter_id}'"
    )
    return tuple(tables.execute(sql)[0])


def wanted(bad: Sequence[bytes], path: Path) -> tuple[object, ...]:
    refused = set(bad)
    records = [
        msgspec.json.decode(line)
        for line in path.read_bytes().splitlines(keepends=True)
        if line.strip() and line not in refused
    ]
    rows = len(records)
    return rows, rows, rows, sum(int(record["kwh"]) for record in records)


def check_finished(place: Path, bad: Sequence[bytes], slow: Loader) -> None:
    assert (place / "refused" / "year.ndjson").read_bytes() == b"".join(bad)
    reasons = (place / "refused" / "year.ndjson.reasons").read_bytes().splitlines()
    lines = [msgspec.json.decode(reason)["line"] for reason in reasons]
    assert lines == list(range(BAD_EVERY, ROWS + 1, BAD_EVERY))
    assert sorted(path.name for path in (place / "refused").iterdir()) == [
        "year.ndjson",
        "year.ndjson.reasons",
    ]
    assert slow.leftovers() == []


def kill(process: "subprocess.Popen[str]") -> None:
    process.kill()
    code, _, _ = ended(process)
    assert code == -signal.SIGKILL


def interrupt(process: "subprocess.Popen[str]", number: signal.Signals) -> None:
    process.send_signal(number)
    code, output, errors = ended(process)
    assert code == 1, errors
    assert f"stopped: interrupted by {number.name}" in output
    assert "the same command goes on from there" in output


@pytest.mark.parametrize(
    "end",
    [kill, lambda p: interrupt(p, signal.SIGINT), lambda p: interrupt(p, signal.SIGTERM)],
    ids=["kill", "sigint", "sigterm"],
)
def test_load_ended_in_the_middle_goes_on_without_loss_or_doubles(
    end: Callable[["subprocess.Popen[str]"], None],
    slow: Loader,
    tables: StoredTables,
    make_id: MakeId,
    tmp_path: Path,
) -> None:
    meter_id = make_id("m")
    path = tmp_path / "year.ndjson"
    bad = year_of(meter_id, path)
    process = slow.start("year.ndjson", "--refused", "refused")
    slow.wait_journalled(process, MET_LINES)
    end(process)
    before = slow.journalled()
    assert MET_LINES <= before < ROWS
    assert not (tmp_path / "refused" / "year.ndjson").exists()
    done = slow.run("year.ndjson", "--refused", "refused")
    assert done.returncode == 1  # as rows were refused
    assert f"goes on behind record {before:,}" in done.stderr
    assert f"{ROWS - len(bad):,} of {ROWS:,} rows stored" in done.stdout
    assert stored(tables, meter_id) == wanted(bad, path)
    check_finished(tmp_path, bad, slow)


def test_second_interrupt_ends_at_once(
    slow: Loader, make_id: MakeId, tmp_path: Path, own: OwnQuestDB
) -> None:
    """QuestDB is away, so that what is on its way cannot be settled soon."""
    year_of(make_id("m"), tmp_path / "year.ndjson", 30_000)
    away = loader(tmp_path, own.addresses, SMALL)
    process = away.start("year.ndjson")
    assert process.stderr is not None
    assert "is QuestDB running?" in process.stderr.readline()
    assert "sending again" in process.stderr.readline()

    def has_ended() -> bool:
        process.send_signal(signal.SIGINT)
        return process.poll() is not None

    until(has_ended, "it has ended", timeout_s=5)
    assert process.returncode == -signal.SIGINT
    away.close()


def test_file_that_changed_between_the_runs_is_loaded_from_its_start(
    slow: Loader, tables: StoredTables, make_id: MakeId, tmp_path: Path
) -> None:
    meter_id = make_id("m")
    path = tmp_path / "year.ndjson"
    bad = year_of(meter_id, path)
    process = slow.start("year.ndjson", "--refused", "refused")
    slow.wait_journalled(process, MET_LINES)
    kill(process)
    with path.open("ab") as file:
        file.write(b"\n")
    done = slow.run("year.ndjson", "--refused", "refused")
    assert "year.ndjson: loaded from its start: its size was" in done.stderr
    assert stored(tables, meter_id) == wanted(bad, path)
    check_finished(tmp_path, bad, slow)


def test_questdb_killed_in_the_middle_is_waited_for(tmp_path: Path, make_id: MakeId) -> None:
    own = OwnQuestDB(tmp_path)
    meter_id = make_id("m")
    path = tmp_path / "year.ndjson"
    bad = year_of(meter_id, path)
    try:
        running = own.server.start()
        with slow_loader(tmp_path, own.addresses) as patient:
            apply(patient, tmp_path)
            process = patient.start("year.ndjson")
            patient.wait_journalled(process, MET_LINES)
            os.kill(running.pid, signal.SIGKILL)
            own.server.stop()
            own.server.start()
            patient.hurry()
            code, output, errors = ended(process)
        assert (code, f"{ROWS - len(bad):,} of {ROWS:,} rows stored" in output) == (1, True), errors
        assert stored(own.tables, meter_id) == wanted(bad, path)
    finally:
        own.server.stop()


def test_questdb_gone_for_good_ends_the_load_where_it_can_go_on(
    tmp_path: Path, make_id: MakeId
) -> None:
    own = OwnQuestDB(tmp_path)
    sink = {"request_timeout_ms": 1_000, "delivery_timeout_ms": 1_500, "fallback": "none"}
    meter_id = make_id("m")
    path = tmp_path / "year.ndjson"
    bad = year_of(meter_id, path)
    try:
        own.server.start()
        with slow_loader(tmp_path, own.addresses, {"meter_usage": {"sink": sink}}) as hasty:
            apply(hasty, tmp_path)
            process = hasty.start("year.ndjson")
            hasty.wait_journalled(process, MET_LINES)
            own.server.stop()
            code, output, errors = ended(process)
            assert code == 1
            assert "stopped: cannot reach QuestDB" in output, errors
            assert "the same command goes on from there" in output
            before = hasty.journalled()
            assert MET_LINES <= before < ROWS
            own.server.start()
            done = hasty.run("year.ndjson")
        assert f"goes on behind record {before:,}" in done.stderr
        assert stored(own.tables, meter_id) == wanted(bad, path)
    finally:
        own.server.stop()


def test_finished_files_of_an_interrupted_run_are_not_loaded_again(
    slow: Loader, tables: StoredTables, make_id: MakeId, tmp_path: Path
) -> None:
    """And once the command has ended well, a later run loads everything again."""
    meter_id = make_id("m")
    folder = tmp_path / "in"
    folder.mkdir()
    first = reading_lines(make_id("m"), 100)
    (folder / "a.ndjson").write_bytes(first)
    (folder / "notes.txt").write_text("")
    bad = year_of(meter_id, folder / "b.ndjson")
    process = slow.start("in")
    slow.wait_journalled(process, MET_LINES)
    kill(process)
    facts = slow.facts("in", code=1)
    assert [file["state"] for file in facts["files"]] == ["complete-before", "complete"]
    assert [file["accepted"] for file in facts["files"]] == [100, ROWS - len(bad)]
    assert facts["skipped"] == ["in/notes.txt"]
    assert stored(tables, meter_id) == wanted(bad, folder / "b.ndjson")
    (folder / "b.ndjson").unlink()
    facts = slow.facts("in")
    assert [file["state"] for file in facts["files"]] == ["complete"]


def apply(load: Loader, place: Path) -> None:
    done = run_command("schema", "apply", "--config", str(load.config), cwd=place)
    assert done.returncode == 0, done.stderr


def test_load_whose_refused_name_another_one_took_meanwhile_loses_neither(
    slow: Loader, make_id: MakeId, tmp_path: Path
) -> None:
    """Both run at once, over files of one name; the first to start is the last to end."""
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    rows = 3 * ROWS  # so that it lasts, also when it is no longer slowed
    bad = year_of(make_id("m"), tmp_path / "one" / "year.ndjson", rows)
    other_bad = year_of(make_id("m"), tmp_path / "two" / "year.ndjson", 10_000)
    process = slow.start("one/year.ndjson", "--refused", "refused")
    slow.wait_journalled(process, MET_LINES)
    assert slow.run("two/year.ndjson", "--refused", "refused").returncode == 1  # rows were refused
    refused = tmp_path / "refused" / "year.ndjson"
    assert refused.read_bytes() == b"".join(other_bad)
    code, output, _ = ended(process)
    assert (code, "another load has taken it" in output) == (1, True)
    assert refused.read_bytes() == b"".join(other_bad)
    [partial] = (tmp_path / "refused").glob("year.ndjson.????????.partial")
    assert partial.read_bytes() == b"".join(bad)

    (tmp_path / "refused").rename(tmp_path / "corrected")
    (tmp_path / "refused").mkdir()
    for path in (tmp_path / "corrected").glob("*.partial"):
        path.rename(tmp_path / "refused" / path.name)
    again = slow.run("one/year.ndjson", "--refused", "refused")
    assert (again.returncode, f"goes on behind record {rows:,}" in again.stderr) == (1, True)
    assert refused.read_bytes() == b"".join(bad)
    assert slow.leftovers() == []
