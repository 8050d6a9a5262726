"""`load` and what it cannot do: bad files, bad usage, tables that are not there, full disks."""

import gzip
import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from tests.process.running_load import Loader, loader
from tests.process.running_service import MakeId, QuestDBPorts
from tests.process.sample_readings import reading_lines
from tests.process.stored_tables import StoredTables
from tests.small_disk import mounted

pytestmark = [pytest.mark.process, pytest.mark.questdb]


@pytest.fixture
def load(questdb: QuestDBPorts, tmp_path: Path) -> Loader:
    return loader(tmp_path, questdb)


@pytest.mark.parametrize(
    ("name", "content", "code", "message"),
    [
        ("a.txt", b"ts\n", 2, "its name must end in .ndjson"),
        ("a.csv", b"", 1, "it is empty"),
        ("a.csv", b"a,b\n1,2\n", 1, 'are missing; there is "a", "b"'),
        ("a.csv", b"PK\x03\x04[Content_Types].xml", 1, "is a zip file that cannot be read"),
        ("a.ndjson", b"PAR1" + bytes(200), 1, "is the file whole, and Parquet?"),
        ("a.parquet", b"ts,meter_id,kwh\n", 2, "does not begin as its name says (parquet)"),
        ("a.arrow", bytes(100), 2, "no text at all"),
        ("a.nem12", b"ts,meter_id\n", 1, "cannot read"),
        ("a.ndjson.gz", gzip.compress(b"{}\n" * 1_000)[:-8], 1, "ends early"),
        ("a.csv", b"\xff\xfet\x00s\x00", 2, "UTF-16"),
        ("a.json", b'{"data": []}', 1, "json_document($path)"),
        ("a.zip", b"PK\x03\x04 cut", 1, "is a zip file that cannot be read"),
    ],
    ids=[
        *("unknown", "empty", "header", "workbook", "parquet-as-ndjson"),
        *("not-parquet", "not-arrow", "not-nem12", "cut-gzip", "utf-16", "document", "zip"),
    ],
)
def test_bad_file_is_refused_with_a_sentence(
    load: Loader, name: str, content: bytes, code: int, message: str
) -> None:
    (load.place / name).write_bytes(content)
    done = load.run(name)
    assert done.returncode == code
    assert message in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def columns_file(path: Path, meter_id: str, flags: list[bytes]) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    table = pa.table(
        {
            "ts": [start + timedelta(hours=hour) for hour in range(len(flags))],
            "meter_id": [meter_id] * len(flags),
            "kwh": [1.0] * len(flags),
            "quality_flag": pa.array(flags, pa.binary()).view(pa.string()),
        }
    )
    pyarrow.parquet.write_table(table, path, row_group_size=2)


def test_text_that_is_not_utf8_and_a_torn_file_keep_no_other_row_and_no_other_file_out(
    load: Loader, tables: StoredTables, make_id: MakeId
) -> None:
    first, torn, last = make_id("m"), make_id("m"), make_id("m")
    columns_file(load.place / "a.parquet", first, [b"A", b"caf\xc3", b"A"])
    columns_file(load.place / "b.parquet", torn, [b"A"] * 4)
    content = bytearray((load.place / "b.parquet").read_bytes())
    group = pyarrow.parquet.ParquetFile(load.place / "b.parquet").metadata.row_group(1)
    content[group.column(0).dictionary_page_offset] ^= 0xFF
    (load.place / "b.parquet").write_bytes(content)
    columns_file(load.place / "c.parquet", last, [b"A"])
    facts = load.facts("a.parquet", "b.parquet", "c.parquet", "--refused", "refused", code=1)
    assert [file["state"] for file in facts["files"]] == ["complete", "failed", "complete"]
    assert facts["files"][0]["refused"] == [{"code": "invalid-utf8", "field": None, "count": 1}]
    assert "cannot read b.parquet: " in facts["files"][1]["problem"]
    [reason] = (load.place / "refused" / "a.parquet.ndjson.reasons").read_bytes().splitlines()
    assert json.loads(reason) == {
        "record": 2,
        "line": None,
        "code": "invalid-utf8",
        "field": None,
        "detail": "the text of column quality_flag is not UTF-8",
        "text": "caf\ufffd",
    }
    assert b'"caf\xc3"' in (load.place / "refused" / "a.parquet.ndjson").read_bytes()
    assert [len(tables.meter(meter_id)) for meter_id in (first, torn, last)] == [2, 0, 1]


def test_every_problem_of_usage_is_named_at_once(load: Loader) -> None:
    (load.place / "a.txt").write_text("")
    (load.place / "map.sql").write_text("DELETE FROM meter_usage")
    done = load.run("a.txt", "missing.csv", "--dry-run", "--refused", "here")
    assert done.returncode == 2
    assert [line.split(": ")[1] for line in done.stderr.splitlines()] == [
        "--refused",
        "cannot read a.txt",
        "cannot read missing.csv",
    ]
    done = load.run("a.txt", "--mapping", "map.sql")
    assert done.returncode == 2
    assert "map.sql: it must be a SELECT, and is DELETE" in done.stderr
    done = load.run("a.txt", into="weather")
    assert (done.returncode, "must be one of meter_usage" in done.stderr) == (2, True)


def test_table_that_is_not_there_is_told_before_anything_is_sent(
    questdb: QuestDBPorts, tmp_path: Path
) -> None:
    load = loader(tmp_path, questdb, {"meter_usage": {"name": "nowhere"}})
    (tmp_path / "a.ndjson").write_bytes(reading_lines("m-1", 3))
    done = load.run("a.ndjson")
    assert done.returncode == 1
    assert "cannot load into nowhere" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk", "1m") as disk:
        yield disk


def test_full_disk_for_refused_rows_ends_the_load_and_it_goes_on_with_more_room(
    load: Loader, disk: Path, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    body = reading_lines(meter_id, 20_000, step_s=60).replace(b'"kwh":', b'"kwh":-')
    (load.place / "a.ndjson").write_bytes(body + reading_lines(meter_id, 10))
    facts = load.facts("a.ndjson", "--refused", "disk/refused", code=1)
    assert "No space left on device" in facts["stopped"]
    [partial] = (disk / "refused").glob("a.ndjson.????????.partial")
    assert partial.read_bytes().endswith(b"}\n")
    assert body.startswith(partial.read_bytes())
    assert load.journalled() == facts["files"][0]["lines"] > 0
    subprocess.run(["mount", "-o", "remount,size=8m", str(disk)], check=True)
    done = load.run("a.ndjson", "--refused", "disk/refused")
    assert f"goes on behind record {facts['files'][0]['lines']:,}" in done.stderr
    assert "10 of 20,010 rows stored" in done.stdout
    assert (disk / "refused" / "a.ndjson").read_bytes() == body
    assert len((disk / "refused" / "a.ndjson.reasons").read_bytes().splitlines()) == 20_000
    assert len(tables.meter(meter_id)) == 10


def test_full_disk_for_the_journal_is_no_reason_to_stop(
    questdb: QuestDBPorts, tmp_path: Path, disk: Path, make_id: MakeId, tables: StoredTables
) -> None:
    load = loader(tmp_path, questdb)
    load.journal = disk / "journal"
    meter_id = make_id("m")
    (tmp_path / "a.ndjson").write_bytes(reading_lines(meter_id, 5_000))
    with pytest.raises(OSError, match="No space left"):
        (disk / "ballast").write_bytes(bytes(2_000_000))
    done = load.run("a.ndjson")
    assert done.returncode == 0
    assert "cannot write" in done.stderr
    assert "No space left" in done.stderr
    assert len(tables.meter(meter_id)) == 5_000
