"""`load` stores files as the server stores posts, keeps what it refuses, and says what is wrong."""

import csv
import gzip
import json
import signal
import subprocess
import uuid
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.process.running_load import Loader, loader
from tests.process.running_service import (
    MakeId,
    QuestDBPorts,
    RunningService,
    command_environment,
    run_command,
)
from tests.process.sample_readings import expected_kwh, reading_lines, readings
from tests.process.stored_tables import StoredTables, until

pytestmark = [pytest.mark.process, pytest.mark.questdb]

BAD_CSV = (
    "ts,meter_id,kwh\n"
    "2024-01-01T00:00:00Z,{0},1.5\n"
    "2024-01-01T00:15:00Z,{0},-1\n"
    "2024-01-01T00:30:00Z,{0},2.5\n"
    "2024-01-01 noon,{0},3.5\n"
)


@pytest.fixture
def load(questdb: QuestDBPorts, tmp_path: Path) -> Loader:
    return loader(tmp_path, questdb)


def test_every_kind_loaded_twice_and_posted_leaves_the_same_rows(
    service: RunningService, load: Loader, tables: StoredTables, make_id: MakeId
) -> None:
    """All columns compared, event ids among them."""
    meter_id = make_id("m")
    records = [
        {
            **record,
            "premise_id": 'p, "1"',
            "kvarh": -0.25,
            "quality_flag": "VALID",
            "source_system": "HÉS",
        }
        for record in readings(meter_id, 3_000, step_s=60)
    ]
    names = list(records[0])
    body = b"".join(json.dumps(record).encode() + b"\n" for record in records)
    (load.place / "a.ndjson.gz").write_bytes(gzip.compress(body))
    with (load.place / "a.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(records)
    table = pa.Table.from_pylist(
        [{**record, "ts": datetime.fromisoformat(str(record["ts"]))} for record in records]
    )
    pq.write_table(table, load.place / "a.parquet")
    service.post_lines(body).accepted_all()
    posted = tables.meter(meter_id)
    assert len(posted) == 3_000
    for name in ("a.ndjson.gz", "a.csv", "a.parquet"):
        tables.execute("TRUNCATE TABLE meter_usage")
        for _ in range(2):
            facts = load.facts(name)
            assert (facts["ok"], facts["accepted"]) == (True, 3_000)
        assert tables.meter(meter_id) == posted, name
    assert load.leftovers() == []


def test_refused_rows_are_kept_corrected_and_loaded_again(
    load: Loader, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    file = load.place / "readings.csv"
    file.write_text(BAD_CSV.format(meter_id))
    facts = load.facts("readings.csv", "--refused", "refused", code=1)
    assert (facts["accepted"], facts["parse_errors"], facts["rejected"]) == (2, 1, 1)
    [entry] = facts["files"]
    assert [(error["line"], error["code"], error["field"]) for error in entry["errors"]] == [
        (3, "negative-value", "kwh"),
        (5, "invalid-timestamp", "ts"),
    ]
    assert entry["refused_file"] == "refused/readings.csv"
    refused = load.place / "refused" / "readings.csv"
    lines = BAD_CSV.format(meter_id).splitlines(keepends=True)
    assert refused.read_text() == lines[0] + lines[2] + lines[4]
    reasons = [json.loads(line) for line in Path(f"{refused}.reasons").read_text().splitlines()]
    assert [(reason["line"], reason["code"]) for reason in reasons] == [
        (3, "negative-value"),
        (5, "invalid-timestamp"),
    ]
    # Nobody's corrections are written over.
    done = load.run("readings.csv", "--refused", "refused")
    assert done.returncode == 2
    assert "refused/readings.csv is there from an earlier load" in done.stderr
    corrected = refused.read_text().replace(",-1", ",1").replace("-01 noon", "-01T00:45:00Z")
    refused.write_text(corrected)
    facts = load.facts("refused", "--refused", "again")
    assert (facts["ok"], facts["accepted"]) == (True, 2)
    assert facts["skipped"] == ["refused/readings.csv.reasons"]
    assert not (load.place / "again").exists()
    assert [row["kwh"] for row in tables.meter(meter_id)] == [1.5, 1.0, 2.5, 3.5]


def test_row_that_questdb_refuses_is_kept_in_its_place_among_the_others(
    questdb: QuestDBPorts, tmp_path: Path, tables: StoredTables, make_id: MakeId
) -> None:
    """A premise_id of type UUID: the one way to a row that passes every check of ours."""
    tables.execute(
        "CREATE TABLE IF NOT EXISTS meter_usage_load_uuid (ts TIMESTAMP, event_id UUID,"
        " meter_id SYMBOL, premise_id UUID, kwh DOUBLE, kvarh DOUBLE, kva_demand DOUBLE,"
        " quality_flag SYMBOL, source_system SYMBOL) TIMESTAMP(ts) PARTITION BY DAY WAL"
        " DEDUP UPSERT KEYS(ts, meter_id)"
    )
    load = loader(tmp_path, questdb, {"meter_usage": {"name": "meter_usage_load_uuid"}})
    meter_id = make_id("m")
    records = [{**record, "premise_id": str(uuid.uuid4())} for record in readings(meter_id, 3_000)]
    for number, change in ((11, {"premise_id": "none"}), (20, {"kwh": -1}), (2_001, {"kwh": "x"})):
        records[number - 1] |= change
    records[2_500]["premise_id"] = "none"
    lines = [json.dumps(record).encode() + b"\n" for record in records]
    (tmp_path / "a.ndjson").write_bytes(b"".join(lines))
    facts = load.facts("a.ndjson", "--refused", "refused", code=1)
    assert (facts["accepted"], facts["parse_errors"], facts["rejected"]) == (2_996, 1, 3)
    bad = [11, 20, 2_001, 2_501]
    refused = tmp_path / "refused" / "a.ndjson"
    assert refused.read_bytes() == b"".join(lines[number - 1] for number in bad)
    reasons = [json.loads(line) for line in Path(f"{refused}.reasons").read_text().splitlines()]
    assert [(reason["line"], reason["code"]) for reason in reasons] == list(
        zip(bad, ("sink-rejected", "negative-value", "wrong-type", "sink-rejected"), strict=True)
    )
    assert len(tables.meter(meter_id, "meter_usage_load_uuid")) == 2_996


def test_rows_go_by_the_way_that_is_acknowledged_whatever_the_server_uses(
    questdb: QuestDBPorts, tmp_path: Path, tables: StoredTables, make_id: MakeId
) -> None:
    sink = {"transport": "tcp", "ack": "enqueued", "workers": 2}
    nowhere = {"ilp_tcp_addr": "127.0.0.1:1"}
    load = loader(tmp_path, questdb, {"questdb": nowhere, "meter_usage": {"sink": sink}})
    meter_id = make_id("m")
    (tmp_path / "a.ndjson").write_bytes(reading_lines(meter_id, 10))
    assert load.facts("a.ndjson")["ok"]
    assert len(tables.meter(meter_id)) == 10


def test_dry_run_says_what_would_be_refused_stores_nothing_and_needs_no_database(
    tmp_path: Path, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    (tmp_path / "none.toml").write_text('[questdb]\nilp_http_addr = "127.0.0.1:1"\n')
    dry = Loader(tmp_path, tmp_path / "none.toml")
    (tmp_path / "a.csv").write_text(BAD_CSV.format(meter_id))
    (tmp_path / "b.ndjson").write_bytes(reading_lines(meter_id, 10))
    facts = dry.facts("a.csv", "b.ndjson", "--dry-run", code=1)
    first, second = facts["files"]
    assert (facts["dry_run"], facts["accepted"], second["accepted"]) == (True, 12, 10)
    assert first["refused"] == [
        {"code": "invalid-timestamp", "field": "ts", "count": 1},
        {"code": "negative-value", "field": "kwh", "count": 1},
    ]
    assert (first["first_ts"], first["last_ts"], first["key_count"]) == (
        "2024-01-01T00:00:00+00:00",
        "2024-01-01T00:30:00+00:00",
        1,
    )
    done = dry.run("b.ndjson", "--dry-run")
    assert done.returncode == 0
    assert "10 of 10 rows would be stored" in done.stdout
    assert not dry.journal.exists()
    assert tables.meter(meter_id) == []


def test_standard_input_is_read_to_its_end(
    load: Loader, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    done = load.run("-", stdin=gzip.compress(reading_lines(meter_id, 5)))
    assert (done.returncode, done.stderr) == (0, "")
    text = f"ts,meter_id,kwh\n2024-02-01T00:00:00Z,{meter_id},9.5\n"
    done = load.run("-", "--format", "csv", stdin=text.encode())
    assert (done.returncode, done.stderr) == (0, "")
    assert [row["kwh"] for row in tables.meter(meter_id)] == [*expected_kwh(5), 9.5]


def test_load_that_waits_for_standard_input_can_be_interrupted(load: Loader) -> None:
    process = subprocess.Popen(
        load.command("-"),
        cwd=load.place,
        env=command_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(reading_lines("m-stdin", 2_000))
    process.stdin.flush()
    handlers = Path(f"/proc/{process.pid}/status")
    until(
        lambda: bool(int(handlers.read_text().split("SigCgt:")[1].split()[0], 16) & (1 << 14)),
        "it handles SIGTERM",
    )
    process.send_signal(signal.SIGTERM)
    output = process.stdout.read()
    assert process.wait(30) == 1
    process.stdin.close()
    assert b"interrupted by SIGTERM" in output
    assert process.stderr is not None
    assert b"Fatal" not in process.stderr.read()
    process.stdout.close()
    process.stderr.close()


def test_status_prints_what_the_operations_port_says(
    service: RunningService, tmp_path: Path, make_id: MakeId
) -> None:
    service.post_lines(reading_lines(make_id("m"), 5)).accepted_all()
    text = run_command("status", "--config", str(service.config), cwd=tmp_path)
    assert text.returncode == 0
    assert text.stdout.startswith("ready, version ")
    assert "meter_usage: 1 workers serving" in text.stdout
    facts = run_command("status", "--config", str(service.config), "--json", cwd=tmp_path)
    document = json.loads(facts.stdout)
    assert document["ready"]
    assert document["streams"]["meter_usage"]["stored_rows"] >= 5


def test_status_of_a_service_that_does_not_run_exits_1_in_one_line(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[metrics]\nbind_addr = "127.0.0.1:1"\n')
    done = run_command("status", "--config", str(config), cwd=tmp_path)
    assert done.returncode == 1
    assert "is it running?" in done.stderr
    assert len(done.stderr.splitlines()) == 1
