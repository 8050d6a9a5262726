"""`load` stores files as the server stores posts; `status` says what the service says of itself."""

import gzip
import json
from pathlib import Path

import pytest
from tests.process.running_service import MakeId, RunningService, run_command
from tests.process.sample_readings import expected_kwh, reading_lines
from tests.process.stored_tables import StoredTables

pytestmark = [pytest.mark.process, pytest.mark.questdb]


def test_file_loaded_twice_and_posted_leaves_each_row_once(
    service: RunningService, tables: StoredTables, make_id: MakeId, tmp_path: Path
) -> None:
    meter_id = make_id("m")
    body = reading_lines(meter_id, 3_000, step_s=1)
    file = tmp_path / "readings.ndjson.gz"
    file.write_bytes(gzip.compress(body))
    arguments = ("load", "--config", str(service.config), str(file), "--into", "meter_usage")
    for _ in range(2):
        done = run_command(*arguments, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert "3,000 of 3,000 rows stored" in done.stdout
    ids = {row["event_id"] for row in tables.meter(meter_id)}
    service.post_lines(body).accepted_all()
    rows = tables.meter(meter_id)
    assert [row["kwh"] for row in rows] == expected_kwh(3_000)
    assert {row["event_id"] for row in rows} == ids


def test_refused_lines_are_named_the_rest_is_stored_and_the_exit_code_is_1(
    service: RunningService, tables: StoredTables, make_id: MakeId, tmp_path: Path
) -> None:
    meter_id = make_id("m")
    file = tmp_path / "readings.csv"
    file.write_text(
        "ts,meter_id,kwh\n"
        f"2024-01-01T00:00:00Z,{meter_id},1.5\n"
        f"2024-01-01T00:15:00Z,{meter_id},-1\n"
        f"2024-01-01T00:30:00Z,{meter_id},2.5\n"
    )
    done = run_command(
        "load",
        "--config",
        str(service.config),
        "--json",
        str(file),
        "--into",
        "meter_usage",
        cwd=tmp_path,
    )
    assert done.returncode == 1
    [facts] = json.loads(done.stdout)
    assert (facts["accepted"], facts["parse_errors"], facts["rejected"]) == (2, 0, 1)
    assert facts["errors"] == [{"line": 3, "code": "negative-value", "field": "kwh"}]
    assert [row["kwh"] for row in tables.meter(meter_id)] == [1.5, 2.5]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["missing.ndjson", "--into", "meter_usage"], 1, "cannot read missing.ndjson: No such"),
        (["readings.txt", "--into", "meter_usage"], 1, "its name must end in"),
        (["a.csv", "--into", "weather"], 2, "must be one of meter_usage, generation_output"),
    ],
)
def test_what_cannot_be_loaded_is_said_in_one_line(
    arguments: list[str], code: int, message: str, service: RunningService, tmp_path: Path
) -> None:
    done = run_command("load", "--config", str(service.config), *arguments, cwd=tmp_path)
    assert done.returncode == code
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


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
