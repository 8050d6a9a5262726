"""Commands that run and end: exit codes, and problems that say what to do."""

import json
import socket
from pathlib import Path

import pytest
from tests.conftest import TestQuestDB
from tests.materialized_views import wait_spoilt
from tests.process.running_service import (
    MakeId,
    QuestDBPorts,
    RunningService,
    Section,
    ServicePorts,
    free_ports,
    run_command,
    write_config,
)
from tests.process.sample_readings import expected_kwh, reading_lines
from tests.process.stored_tables import StoredTables

pytestmark = [pytest.mark.process, pytest.mark.questdb]

TABLES = [
    "meter_usage",
    "generation_output",
    "network_measurements",
    "meters",
    "customers",
    "plants",
    "meter_feeder_map",
    "plant_feeder_map",
    "meter_scale_map",
    "topology_events",
    "meter_events",
    "feeder_energy_balance",
]


def config_for(questdb: QuestDBPorts, place: Path, overrides: Section) -> Path:
    return write_config(place / "config.toml", questdb, ServicePorts(*free_ports(3)), overrides)


def test_serve_with_a_bad_config_lists_every_problem_and_exits_2(
    questdb: QuestDBPorts, tmp_path: Path
) -> None:
    overrides: Section = {
        "meter_usage": {
            "source": {"workers": -1, "max_line_byte": 1, "auth_bearer_token": "hidden-2c9e"},
            "sink": {"transport": "tcp", "kind": 5},
        },
        "surplus": {"x": 1},
    }
    config = config_for(questdb, tmp_path, overrides)
    for command in ("serve", "check"):
        done = run_command(command, "--config", str(config), cwd=tmp_path)
        assert done.returncode == 2
        lines = done.stderr.splitlines()
        for path in (
            "meter_usage.source.workers",
            "meter_usage.source.max_line_byte",
            "meter_usage.sink.kind",
            "surplus",
        ):
            assert any(path in line for line in lines), (path, lines)
        assert "Traceback" not in done.stderr
        assert "hidden-2c9e" not in done.stdout + done.stderr


def test_serve_refuses_an_impossible_combination_with_2(
    questdb: QuestDBPorts, tmp_path: Path
) -> None:
    tcp = {"transport": "tcp", "ack": "committed"}
    config = config_for(questdb, tmp_path, {"generation_output": {"sink": tcp}})
    done = run_command("serve", "--config", str(config), cwd=tmp_path)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert "generation_output.sink" in line
    assert "enqueued" in line


@pytest.mark.parametrize("command", [["serve"], ["check"], ["schema", "apply"]])
def test_missing_config_file_exits_2_and_says_what_to_copy(
    command: list[str], tmp_path: Path
) -> None:
    done = run_command(*command, cwd=tmp_path)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert "ingestion-config.toml" in line
    assert "ingestion-config.example.toml" in line


def test_config_is_looked_up_by_option_then_by_environment(tmp_path: Path) -> None:
    extra = {"INGESTION_CONFIG": str(tmp_path / "by-environment.toml")}
    by_environment = run_command("serve", cwd=tmp_path, extra=extra)
    by_option = run_command("serve", "--config", "by-option.toml", cwd=tmp_path, extra=extra)
    assert (by_environment.returncode, by_option.returncode) == (2, 2)
    assert "by-environment.toml" in by_environment.stderr
    assert "by-option.toml" in by_option.stderr
    assert "by-environment.toml" not in by_option.stderr


def test_config_that_is_no_toml_exits_2_in_one_line(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("[meter_usage\n")
    done = run_command("serve", "--config", str(config), cwd=tmp_path)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert "config.toml" in line


def test_environment_overrides_the_file(questdb: QuestDBPorts, tmp_path: Path) -> None:
    config = config_for(questdb, tmp_path, {})
    extra = {
        "INGESTION__METER_USAGE__SOURCE__WORKERS": "none",
        "INGESTION__GENERATION_OUTPUT__SINK__BATCH_SIZE": "-5",
    }
    done = run_command("serve", "--config", str(config), cwd=tmp_path, extra=extra)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 2, done.stderr
    for name in ("WORKERS", "BATCH_SIZE"):
        assert name in done.stderr.upper()


@pytest.mark.parametrize("stream", ["meter_usage", "generation_output"])
def test_port_in_use_exits_1_with_one_line_that_names_port_and_key(
    stream: str, questdb: QuestDBPorts, tmp_path: Path
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        address = {"source": {"http_bind_addr": f"127.0.0.1:{port}"}}
        config = config_for(questdb, tmp_path, {stream: address})
        done = run_command("serve", "--config", str(config), cwd=tmp_path)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert str(port) in line
    assert f"{stream}.source.http_bind_addr" in line


def test_operations_port_in_use_exits_1_with_one_line(
    questdb: QuestDBPorts, tmp_path: Path
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        config = config_for(questdb, tmp_path, {"metrics": {"bind_addr": f"127.0.0.1:{port}"}})
        done = run_command("serve", "--config", str(config), cwd=tmp_path)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert str(port) in line
    assert "metrics.bind_addr" in line


def test_second_instance_on_one_port_is_refused_and_the_first_goes_on(
    service: RunningService, questdb: QuestDBPorts, tmp_path: Path, make_id: MakeId
) -> None:
    address = {"source": {"http_bind_addr": f"127.0.0.1:{service.ports.meter_usage}"}}
    config = config_for(questdb, tmp_path, {"meter_usage": address})
    done = run_command("serve", "--config", str(config), cwd=tmp_path)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert str(service.ports.meter_usage) in line
    assert service.post_lines(reading_lines(make_id("m"), 1)).status == 200


def test_schema_apply_twice_keeps_tables_and_rows(
    service: RunningService, tables: StoredTables, tmp_path: Path, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    service.post_lines(reading_lines(meter_id, 3)).accepted_all()
    for _ in range(2):
        done = run_command("schema", "apply", "--config", str(service.config), cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
    assert [row["kwh"] for row in tables.meter(meter_id)] == expected_kwh(3)
    there = {row[0] for row in tables.execute("SELECT table_name FROM tables()")}
    assert there >= set(TABLES)


def test_schema_show_prints_every_table(service: RunningService, tmp_path: Path) -> None:
    done = run_command("schema", "show", "--config", str(service.config), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for table in TABLES:
        assert f"CREATE TABLE IF NOT EXISTS {table}" in done.stdout
    assert "DROP" not in done.stdout.upper()
    assert "DEDUP UPSERT KEYS(ts, meter_id)" in done.stdout


def test_schema_apply_views_twice_and_a_check_that_fails_once_they_are_spoilt(
    own_questdb: TestQuestDB, tmp_path: Path
) -> None:
    config = str(config_for(own_questdb, tmp_path, {}))
    apply = ("schema", "apply", "--views", "--zone", "Europe/Berlin", "--config", config)
    for _ in range(2):
        done = run_command(*apply, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.count("days of Europe/Berlin") == 2
    other_zone = run_command("schema", "apply", "--views", "--config", config, cwd=tmp_path)
    assert other_zone.returncode == 1
    assert other_zone.stdout.count("FAIL meter_usage_daily: has days of Europe/Berlin") == 1
    unknown = run_command(*apply[:3], "--zone", "Europe/Nowhere", *apply[5:], cwd=tmp_path)
    assert unknown.returncode == 1
    assert "Europe/Nowhere" in unknown.stderr

    assert run_command("check", "--config", config, cwd=tmp_path).returncode == 0
    own_questdb.truncate("meter_usage")
    spoilt = ("meter_usage_hourly", "meter_usage_daily")
    wait_spoilt(own_questdb, *spoilt)
    checked = run_command("check", "--config", config, cwd=tmp_path)
    assert checked.returncode == 1
    for view in spoilt:
        assert f"FAIL {view}: invalid (truncate operation)" in checked.stdout
        assert f'REFRESH MATERIALIZED VIEW "{view}" FULL' in checked.stdout


def test_schema_show_views_prints_them_with_the_zone(tmp_path: Path) -> None:
    done = run_command("schema", "show", "--views", "--zone", "Asia/Kolkata", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("CREATE MATERIALIZED VIEW IF NOT EXISTS") == 3
    assert done.stdout.count("TIME ZONE 'Asia/Kolkata'") == 4
    assert "CREATE TABLE IF NOT EXISTS meter_usage" in done.stdout


def test_schema_apply_without_questdb_exits_1_in_one_line(
    questdb: QuestDBPorts, tmp_path: Path
) -> None:
    [port] = free_ports(1)
    uri = f"postgresql://admin:hidden-6b1d@127.0.0.1:{port}/qdb"
    config = config_for(questdb, tmp_path, {"questdb": {"uri": uri}})
    done = run_command("schema", "apply", "--config", str(config), cwd=tmp_path)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert str(port) in line
    assert "hidden-6b1d" not in done.stdout + done.stderr


def test_check_prints_its_facts_as_json(service: RunningService, tmp_path: Path) -> None:
    done = run_command("check", "--json", "--config", str(service.config), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert "meter_usage" in json.dumps(facts)
