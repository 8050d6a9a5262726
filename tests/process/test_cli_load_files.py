"""`load` of what people have: zip files, pipes, rows that replace others, mappings without end."""

import json
import os
import signal
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.process.running_load import Loader, ended, loader, slow_loader
from tests.process.running_service import MakeId, QuestDBPorts, command_environment
from tests.process.sample_readings import expected_kwh, reading_lines
from tests.process.stored_tables import StoredTables, until

pytestmark = [pytest.mark.process, pytest.mark.questdb]

ROWS = 60_000
CSV = "ts,meter_id,kwh\n"
FILES_SELECT = "SELECT rec, ts, meter_id, num(kwh) AS kwh FROM csv($path)"
ENDLESS = """
WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n > 0)
SELECT rec, ts, meter_id, (SELECT max(n) FROM r)::DOUBLE AS kwh FROM csv($path)
"""


@pytest.fixture
def load(questdb: QuestDBPorts, tmp_path: Path) -> Iterator[Loader]:
    load = loader(tmp_path, questdb)
    yield load
    load.close()


@pytest.fixture
def slow(questdb: QuestDBPorts, tmp_path: Path) -> Iterator[Loader]:
    with slow_loader(tmp_path, questdb) as load:
        yield load


def csv_of(meter_id: str, rows: int) -> str:
    records = map(msgspec.json.decode, reading_lines(meter_id, rows, step_s=1).splitlines())
    return CSV + "".join(f"{one['ts']},{one['meter_id']},{one['kwh']}\n" for one in records)


def cpu_s(pid: int) -> float:
    """Return the seconds of CPU that a process has used; a load has begun to read after one."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def stored(tables: StoredTables, meter_id: str) -> tuple[Any, ...]:
    tables.wait_applied("meter_usage")
    sql = f"SELECT count(), sum(cast(kwh AS LONG)) FROM meter_usage WHERE meter_id = '{meter_id}'"
    return tuple(tables.execute(sql)[0])


def test_rows_that_replace_others_are_exit_1_unless_the_last_wins(
    load: Loader, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    row = "2024-01-01T00:00:00Z,{},{}\n"
    (load.place / "a.csv").write_text(CSV + row.format(meter_id, 1) * 2 + row.format(meter_id, 5))
    (load.place / "b.csv").write_text(CSV + row.format(meter_id, 7))
    key = f"(2024-01-01T00:00:00Z, {meter_id})"
    first = [
        f"record 3 replaces record 2 {key}: kwh 1 -> 5",
        f"record 1 replaces record 3 of a.csv {key}: kwh 5 -> 7",
    ]
    for more in ([], ["--dry-run"]):
        facts = load.facts("a.csv", "b.csv", *more, code=1)
        assert (facts["ok"], facts["accepted"], facts["replaced"]) == (False, 4, 2)
        assert [file["first_replaced"] for file in facts["files"]] == first
    done = load.run("a.csv", "b.csv")
    assert (
        f"  1 row replaces an earlier row of this load with other values; the first: {first[0]}"
        in done.stdout
    )
    assert "say --on-conflict last" in done.stdout
    facts = load.facts("a.csv", "b.csv", "--on-conflict", "last")
    assert (facts["ok"], facts["replaced"]) == (True, 2)
    assert [record["kwh"] for record in tables.meter(meter_id)] == [7.0]
    assert load.leftovers() == []


def test_members_of_a_zip_file_are_loaded_and_their_refused_rows_loaded_again(
    load: Loader, tables: StoredTables, make_id: MakeId
) -> None:
    one, other = make_id("m"), make_id("m")
    with zipfile.ZipFile(load.place / "export.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("in/a.csv", CSV + f"2024-01-01T00:00:00Z,{one},1\nnow,{one},2\n")
        archive.writestr("b.ndjson", reading_lines(other, 10))
        archive.writestr("README.pdf", b"%PDF-1.4")
    facts = load.facts("export.zip", "--refused", "refused", code=1)
    assert [file["file"] for file in facts["files"]] == [
        "export.zip/b.ndjson",
        "export.zip/in/a.csv",
    ]
    assert facts["skipped"] == ["export.zip/README.pdf"]
    refused = load.place / "refused" / "export.zip" / "in" / "a.csv"
    assert refused.read_text() == CSV + f"now,{one},2\n"
    [reason] = map(json.loads, Path(f"{refused}.reasons").read_text().splitlines())
    assert (reason["record"], reason["line"], reason["text"]) == (2, 3, "now")
    refused.write_text(refused.read_text().replace("now", "2024-01-01T01:00:00Z"))
    assert load.facts("refused")["accepted"] == 1
    assert [len(tables.meter(meter_id)) for meter_id in (one, other)] == [2, 10]


def test_damaged_and_encrypted_members_keep_no_other_out(
    load: Loader, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    path = load.place / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", csv_of(meter_id, 5))
        archive.writestr("b.csv", csv_of(make_id("m"), 2_000))
        archive.writestr("c.csv", CSV)
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        at = archive.getinfo("b.csv").header_offset + 30 + len("b.csv")
    content[at + 400 : at + 500] = bytes(100)  # what is packed of b.csv
    for mark, flags in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        content[content.rindex(mark) + flags] |= 1  # "encrypted", of the last member
    path.write_bytes(content)
    (load.place / "cut.zip").write_bytes(content[:-40])
    facts = load.facts("a.zip", "cut.zip", code=1)
    states = {file["file"]: file["state"] for file in facts["files"]}
    assert states == {
        "a.zip/a.csv": "complete",
        "a.zip/b.csv": "failed",
        "a.zip/c.csv": "failed",
        "cut.zip": "failed",
    }
    problems = [file["problem"] for file in facts["files"]]
    assert "cannot read a.zip/b.csv" in problems[1]
    assert "is encrypted: unpack it with its password first" in problems[2]
    assert len(tables.meter(meter_id)) == 5


def test_pipe_of_either_kind_is_read_to_its_end(
    load: Loader, tables: StoredTables, make_id: MakeId
) -> None:
    for kind in ("ndjson", "csv"):
        meter_id = make_id("m")
        text = reading_lines(meter_id, 3_000).decode() if kind == "ndjson" else None
        (load.place / "in").write_text(text or csv_of(meter_id, 3_000))
        arguments = " ".join(load.command("<(cat in)", "--format", kind)).replace("'", "")
        done = subprocess.run(
            ["bash", "-c", arguments],
            cwd=load.place,
            env=command_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert len(tables.meter(meter_id)) == 3_000


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_standard_input_that_is_to_be_copied_can_be_interrupted(
    load: Loader, more: list[str]
) -> None:
    temporary = load.place / "temporary"
    temporary.mkdir()
    with subprocess.Popen(
        load.command("-", "--format", "csv", *more),
        cwd=load.place,
        env={**command_environment(), "TMPDIR": str(temporary)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        process.stdin.write(csv_of("m-stdin", 10).encode())
        process.stdin.flush()
        until(lambda: any(temporary.iterdir()), "it has begun to copy")
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 1
        assert process.stdout is not None
        assert process.stderr is not None
        assert b"stopped: interrupted by SIGINT" in process.stdout.read()
        assert process.stderr.read() == b""
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_mapping_that_never_yields_ends_soon_after_an_interrupt(
    load: Loader, more: list[str]
) -> None:
    temporary = load.place / "temporary"
    temporary.mkdir()
    (load.place / "a.csv").write_text(csv_of("m-1", 5))
    (load.place / "m.sql").write_text(ENDLESS)
    process = subprocess.Popen(
        load.command("a.csv", "--mapping", "m.sql", *more),
        cwd=load.place,
        env={**command_environment(), "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    load.started.append(process)
    until(lambda: cpu_s(process.pid) > 3, "the query runs")
    process.send_signal(signal.SIGINT)
    code, output, errors = ended(process)
    assert (code, "stopped: interrupted by SIGINT" in output) == (1, True)
    assert "Traceback" not in errors
    assert "is in the table" not in output
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_mapped_file_goes_on_behind_a_record(
    slow: Loader, tables: StoredTables, make_id: MakeId, number: signal.Signals
) -> None:
    meter_id = make_id("m")
    text = csv_of(meter_id, ROWS)
    lines = text.splitlines(keepends=True)
    for index in range(2_000, ROWS, 2_000):
        lines[index] = lines[index].replace("+00:00,", ",")
    (slow.place / "a.csv").write_text("".join(lines))
    (slow.place / "m.sql").write_text(FILES_SELECT)
    arguments = ("a.csv", "--mapping", "m.sql", "--refused", "refused")
    process = slow.start(*arguments)
    slow.wait_journalled(process, 10_000)
    process.send_signal(number)
    ended(process)
    before = slow.journalled()
    assert 10_000 <= before < ROWS
    done = slow.run(*arguments)
    assert f"a.csv: goes on behind record {before:,}" in done.stderr
    assert "replace others are counted among those" not in done.stderr  # all are read again
    assert f"{ROWS - 29:,} of {ROWS:,} rows stored" in done.stdout
    refused = (slow.place / "refused" / "a.csv").read_text()
    assert refused == CSV + "".join(lines[2_000:ROWS:2_000])
    assert stored(tables, meter_id)[0] == ROWS - 29


def test_mapping_that_sorts_starts_over_and_says_so(
    slow: Loader, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    text = csv_of(meter_id, 20_000) + f"now,{meter_id},1\n"
    (slow.place / "a.csv").write_text(text)
    (slow.place / "m.sql").write_text(FILES_SELECT + " ORDER BY ts DESC")
    arguments = ("a.csv", "--mapping", "m.sql", "--refused", "refused")
    process = slow.start(*arguments)
    until(
        lambda: bool(tables.execute(f"SELECT ts FROM meter_usage WHERE meter_id = '{meter_id}'")),
        "rows are stored",
    )
    process.send_signal(signal.SIGINT)
    code, output, errors = ended(process)
    assert (code, "stopped: interrupted by SIGINT" in output) == (1, True)
    assert "a.csv: the next run starts over: its mapping sorts" in errors
    done = slow.run(*arguments)
    assert "20,000 of 20,001 rows stored" in done.stdout
    assert (slow.place / "refused" / "a.csv").read_text() == CSV + f"now,{meter_id},1\n"
    assert stored(tables, meter_id)[0] == 20_000


def test_times_that_are_all_numbers_are_refused_and_other_files_loaded(
    load: Loader, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    line = json.dumps({"ts": 1704067200, "meter_id": meter_id, "kwh": 1}) + "\n"
    (load.place / "a.ndjson").write_bytes(reading_lines(meter_id, 10) + line.encode() * 30_000)
    (load.place / "b.ndjson").write_bytes(reading_lines(meter_id, 20))
    (load.place / "m.sql").write_text(
        "SELECT rec, j->>'ts' AS ts, j->>'meter_id' AS meter_id, (j->>'kwh')::DOUBLE AS kwh"
        " FROM ndjson($path)"
    )
    for more in ([], ["--mapping", "m.sql"]):
        facts = load.facts("a.ndjson", "b.ndjson", *more, code=1)
        first, second = facts["files"]
        assert (first["accepted"], sum(one["count"] for one in first["refused"])) == (10, 30_000)
        assert second["accepted"] == 20
    assert [row["kwh"] for row in tables.meter(meter_id)] == expected_kwh(20)


def test_error_budget_ends_the_file_and_says_how_to_go_on(
    load: Loader, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    (load.place / "a.csv").write_text(
        CSV + f"2024-01-01T00:00:00Z,{meter_id},1\n" + "now,m,1\n" * 5_000
    )
    facts = load.facts("a.csv", "--max-refused", "1000", code=1)
    [file] = facts["files"]
    assert (file["state"], "more than 1,000 records are refused" in file["problem"]) == (
        "failed",
        True,
    )
    facts = load.facts("a.csv", "--max-refused", "0", code=1)
    assert (facts["files"][0]["state"], facts["parse_errors"]) == ("complete", 5_000)
    assert len(tables.meter(meter_id)) == 1
