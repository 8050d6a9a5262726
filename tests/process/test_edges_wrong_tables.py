"""Tables that are not what the rows need: refused with the remedy, which then helps."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.process.running_service import (
    MakeId,
    QuestDBPorts,
    RunningService,
    Section,
    ServicePorts,
    free_ports,
    run_command,
    run_service,
    write_config,
)
from tests.process.sample_readings import expected_kwh, reading_lines
from tests.process.stored_tables import StoredTables, until

pytestmark = [pytest.mark.process, pytest.mark.questdb]

COLUMNS = (
    "ts TIMESTAMP, event_id UUID, meter_id SYMBOL, premise_id VARCHAR, kwh DOUBLE, "
    "kvarh DOUBLE, kva_demand DOUBLE, quality_flag SYMBOL, source_system SYMBOL"
)
ENABLE_DEDUP = r"ALTER TABLE \S+ DEDUP ENABLE UPSERT KEYS ?\([^)]*\)"


@pytest.fixture
def plain_table(tables: StoredTables, make_id: MakeId) -> Iterator[str]:
    """A table with the right columns and no DEDUP."""
    name = make_id("plain").replace("-", "_")
    tables.execute(f"CREATE TABLE {name} ({COLUMNS}) TIMESTAMP(ts) PARTITION BY DAY WAL")
    yield name
    tables.execute(f"DROP TABLE {name}")


def with_table(name: str) -> Section:
    return {"meter_usage": {"name": name}}


def check(questdb: QuestDBPorts, place: Path, overrides: Section, *more: str) -> tuple[int, str]:
    """Run `check` and return its exit code and all that it printed."""
    ports = ServicePorts(*free_ports(3))
    config = write_config(place / "check.toml", questdb, ports, overrides)
    done = run_command("check", "--config", str(config), *more, cwd=place)
    return done.returncode, done.stdout + done.stderr


def assert_remedy(text: str) -> str:
    """Return the one statement that the text names."""
    found = re.search(ENABLE_DEDUP, text)
    assert found, text
    return found.group()


def test_table_without_dedup_is_refused_and_the_named_statement_repairs_it(
    plain_table: str,
    questdb: QuestDBPorts,
    tables: StoredTables,
    tmp_path: Path,
    make_id: MakeId,
) -> None:
    meter_id = make_id("m")
    body = reading_lines(meter_id, 5)
    with run_service(tmp_path, questdb, with_table(plain_table), ready=False) as service:
        until(lambda: "schema-missing" in str(service.post_lines(body)), "the check has run")
        answer = service.post_lines(body)
        problem = answer.problem(503, "schema-missing")
        assert (problem.retryable, problem.accepted, answer.retry_after_s > 0) == (True, 0, True)
        until(lambda: plain_table in service.unreadiness(), "/readyz names the table")
        assert tables.meter(meter_id, plain_table) == []

        tables.execute(assert_remedy(problem.detail))
        service.wait_ready()
        until(lambda: service.post_lines(body).status == 200, "posts are taken")
        service.post_lines(body).accepted_all()
        stored = [row["kwh"] for row in tables.meter(meter_id, plain_table)]
        assert stored == expected_kwh(5)


def test_dedup_lost_while_running_is_refused_until_it_is_back(
    questdb: QuestDBPorts,
    plain_table: str,
    tables: StoredTables,
    tmp_path: Path,
    make_id: MakeId,
) -> None:
    meter_id = make_id("m")
    body = reading_lines(meter_id, 5)
    enable = f"ALTER TABLE {plain_table} DEDUP ENABLE UPSERT KEYS(ts, meter_id)"
    tables.execute(enable)
    with run_service(tmp_path, questdb, with_table(plain_table)) as service:
        service.post_lines(body).accepted_all()
        tables.execute(f"ALTER TABLE {plain_table} DEDUP DISABLE")
        until(lambda: service.post_lines(body).status == 503, "the loss is seen")
        problem = service.post_lines(body).problem(503, "schema-missing")
        assert assert_remedy(problem.detail).split("(")[0].startswith(enable.split("(")[0])
        until(lambda: "DEDUP" in service.unreadiness(), "/readyz says so")
        assert _generation_is_taken(service)

        tables.execute(enable)
        service.wait_ready()
        until(lambda: service.post_lines(body).status == 200, "posts are taken again")


def test_missing_table_is_refused_by_name_and_the_other_stream_goes_on(
    questdb: QuestDBPorts, tmp_path: Path, make_id: MakeId
) -> None:
    body = reading_lines(make_id("m"), 1)
    with run_service(tmp_path, questdb, with_table("no_such_table"), ready=False) as service:
        until(lambda: "schema-missing" in str(service.post_lines(body)), "the check has run")
        assert "no_such_table" in service.post_lines(body).problem(503, "schema-missing").detail
        assert _generation_is_taken(service)
        until(lambda: "no_such_table" in service.unreadiness(), "/readyz names the table")


def _generation_is_taken(service: RunningService) -> bool:
    plant = b'{"ts":"2024-01-01T00:00:00Z","plant_id":"p","mw":1}'
    return service.post_lines(plant, stream="generation_output").status == 200


def test_check_passes_on_the_applied_schema(questdb: QuestDBPorts, tmp_path: Path) -> None:
    code, text = check(questdb, tmp_path, {})
    assert code == 0, text
    assert "meter_usage" in text
    assert "generation_output" in text


def test_check_fails_on_a_missing_table_and_says_what_to_do(
    questdb: QuestDBPorts, tmp_path: Path
) -> None:
    code, text = check(questdb, tmp_path, with_table("no_such_table"))
    assert code == 1, text
    assert "no_such_table" in text
    assert "schema apply" in text or "CREATE TABLE" in text


def test_check_fails_without_dedup_and_names_the_statement(
    plain_table: str, questdb: QuestDBPorts, tables: StoredTables, tmp_path: Path
) -> None:
    code, text = check(questdb, tmp_path, with_table(plain_table))
    assert code == 1, text
    tables.execute(assert_remedy(text))
    tables.wait_applied(plain_table)
    code, text = check(questdb, tmp_path, with_table(plain_table))
    assert code == 0, text


def test_check_names_a_missing_column_and_a_wrong_type(
    questdb: QuestDBPorts, tables: StoredTables, tmp_path: Path, make_id: MakeId
) -> None:
    name = make_id("odd").replace("-", "_")
    columns = COLUMNS.replace("kvarh DOUBLE, ", "").replace("kwh DOUBLE", "kwh LONG")
    keys = "DEDUP UPSERT KEYS(ts, meter_id)"
    tables.execute(f"CREATE TABLE {name} ({columns}) TIMESTAMP(ts) PARTITION BY DAY WAL {keys}")
    try:
        code, text = check(questdb, tmp_path, with_table(name))
    finally:
        tables.execute(f"DROP TABLE {name}")
    assert code == 1, text
    assert "kvarh" in text
    assert "kwh" in text
    assert "LONG" in text


def test_check_fails_where_questdb_is_not_and_hides_the_password(
    questdb: QuestDBPorts, tmp_path: Path
) -> None:
    [port] = free_ports(1)
    uri = f"postgresql://admin:hidden-6b1d@127.0.0.1:{port}/qdb"
    code, text = check(questdb, tmp_path, {"questdb": {"uri": uri}})
    assert code == 1, text
    assert str(port) in text
    assert "hidden-6b1d" not in text
