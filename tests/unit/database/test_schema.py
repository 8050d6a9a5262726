import asyncio
import re
from collections.abc import Iterator

import pytest
from tests.conftest import TestQuestDB

from utility_ts_analytics.clock import ManualClock, SystemClock
from utility_ts_analytics.database.pool import Row, connect
from utility_ts_analytics.database.schema import apply_schema, check_schema, specs_for, wait_applied
from utility_ts_analytics.database.table_compare import Difference, create_sql
from utility_ts_analytics.database.table_spec import ColumnSpec, TableSpec, table_specs
from utility_ts_analytics.errors import ConfigError, OperatorError, QuestDBUnavailable

BASE = TableSpec(
    name="schema_base",
    columns=(
        ColumnSpec("ts", "TIMESTAMP"),
        ColumnSpec("meter_id", "SYMBOL"),
        ColumnSpec("kwh", "DOUBLE"),
    ),
    timestamp="ts",
    partition_by="DAY",
    wal=True,
    dedup_keys=("ts", "meter_id"),
)


def check(questdb: TestQuestDB, spec: TableSpec) -> list[Difference]:
    return asyncio.run(check_schema(questdb.pg_uri, [spec]))


@pytest.mark.questdb
def test_applying_again_keeps_rows_and_finds_nothing(questdb: TestQuestDB) -> None:
    questdb.truncate("plants")
    questdb.query("INSERT INTO plants(valid_from, plant_id) VALUES ('2026-01-01', 'p-1')")
    questdb.wait_applied("plants")
    assert asyncio.run(apply_schema(questdb.pg_uri, table_specs().values())) == []
    assert asyncio.run(check_schema(questdb.pg_uri, table_specs().values())) == []
    assert questdb.query("SELECT plant_id FROM plants") == [("p-1",)]
    questdb.truncate("plants")


@pytest.mark.questdb
def test_stream_table_under_another_name_is_created_and_checked(questdb: TestQuestDB) -> None:
    specs = specs_for({"meter_usage": "schema_renamed", "generation_output": "plants_mw"})
    assert [spec.name for spec in specs][:3] == [
        "schema_renamed",
        "plants_mw",
        "network_measurements",
    ]
    assert len(specs) == len(table_specs())
    (renamed, *_) = specs
    assert [one.kind for one in check(questdb, renamed)] == ["missing-table"]
    assert asyncio.run(apply_schema(questdb.pg_uri, [renamed])) == []
    assert check(questdb, renamed) == []


def test_stream_with_the_name_of_another_table_is_refused() -> None:
    tables = {"meter_usage": "Meters", "generation_output": "meter_usage"}
    with pytest.raises(ConfigError, match=r"meter_usage\.name: Meters is another table") as raised:
        specs_for(tables)
    assert len(raised.value.problems) == 1


@pytest.mark.questdb
def test_existing_table_of_another_shape_is_reported_and_left_alone(questdb: TestQuestDB) -> None:
    spec = BASE.named("schema_other_shape")
    questdb.query("CREATE TABLE schema_other_shape (a INT)")
    questdb.query("INSERT INTO schema_other_shape VALUES (7)")
    kinds = {one.kind for one in asyncio.run(apply_schema(questdb.pg_uri, [spec]))}
    assert kinds == {"missing-column", "extra-column", "timestamp", "partitioning", "not-wal"}
    assert questdb.query("SELECT * FROM schema_other_shape") == [(7,)]


@pytest.mark.questdb
@pytest.mark.parametrize(
    ("kind", "spoil"),
    [
        ("missing-column", "ALTER TABLE {0} DROP COLUMN kwh"),
        ("column-type", "ALTER TABLE {0} ALTER COLUMN kwh TYPE VARCHAR"),
        ("dedup", "ALTER TABLE {0} DEDUP DISABLE"),
        ("dedup", "ALTER TABLE {0} DEDUP ENABLE UPSERT KEYS(ts)"),
        ("suspended", "ALTER TABLE {0} SUSPEND WAL"),
    ],
)
def test_statement_of_a_difference_puts_it_right(
    questdb: TestQuestDB, kind: str, spoil: str
) -> None:
    spec = BASE.named(f"schema_{abs(hash(spoil)):x}")
    questdb.query(create_sql(spec))
    questdb.query(spoil.format(spec.name))
    if kind != "suspended":
        questdb.wait_applied(spec.name)
    (difference,) = check(questdb, spec)
    assert difference.kind == kind
    remedy = re.search(r"run (ALTER TABLE .*?)(?: \([a-z].*)?$", difference.detail)
    assert remedy
    questdb.query(remedy[1])
    questdb.wait_applied(spec.name)
    assert check(questdb, spec) == []


@pytest.mark.questdb
def test_way_for_what_cannot_be_altered_works(questdb: TestQuestDB) -> None:
    spec = BASE.named("schema_monthly")
    questdb.query(create_sql(spec).replace("BY DAY", "BY MONTH"))
    questdb.query("INSERT INTO schema_monthly VALUES ('2026-01-01', 'm-1', 1.5)")
    questdb.wait_applied(spec.name)
    (difference,) = check(questdb, spec)
    assert difference.kind == "partitioning"
    rename = re.search(r"run (RENAME TABLE \w+ TO \w+)", difference.detail)
    assert rename
    questdb.query(rename[1])
    assert asyncio.run(apply_schema(questdb.pg_uri, [spec])) == []
    questdb.query("INSERT INTO schema_monthly SELECT * FROM schema_monthly_old")
    questdb.wait_applied(spec.name)
    assert questdb.query("SELECT meter_id, kwh FROM schema_monthly") == [("m-1", 1.5)]


def test_absent_questdb_is_one_line() -> None:
    for operation in (apply_schema, check_schema):
        with pytest.raises(QuestDBUnavailable, match=r"at 127\.0\.0\.1:1: Connection refused"):
            asyncio.run(operation("postgresql://admin:quest@127.0.0.1:1/qdb", [BASE]))


pytestmark = pytest.mark.questdb
TABLE = "wal_apply_rows"


@pytest.fixture
def table(questdb: TestQuestDB) -> Iterator[TestQuestDB]:
    questdb.query(
        f"CREATE TABLE IF NOT EXISTS {TABLE} (ts TIMESTAMP, x LONG)"
        " TIMESTAMP(ts) PARTITION BY DAY WAL"
    )
    questdb.truncate(TABLE)
    yield questdb
    questdb.query(f"ALTER TABLE {TABLE} RESUME WAL")
    questdb.wait_applied(TABLE)


def wait(uri: str, *tables: str, timeout_s: float = 20.0) -> None:
    async def main() -> None:
        connection = await connect(uri)
        try:
            await wait_applied(connection, tables, clock=SystemClock(), timeout_s=timeout_s)
        finally:
            await connection.close()

    asyncio.run(main())


def insert(questdb: TestQuestDB, rows: int) -> None:
    questdb.query(
        f"INSERT INTO {TABLE} SELECT dateadd('s', -x::int, now()), x FROM long_sequence({rows})"
    )


def test_rows_committed_before_can_be_read_after(table: TestQuestDB) -> None:
    for round_ in range(1, 6):
        insert(table, 1000)
        wait(table.pg_uri, TABLE.upper())
        assert table.query(f"SELECT count() FROM {TABLE}") == [(1000 * round_,)]


def test_missing_table_is_named_with_what_to_do(questdb: TestQuestDB) -> None:
    with pytest.raises(OperatorError, match=r"cannot read no_such_one: .* schema apply"):
        wait(questdb.pg_uri, "meters", "no_such_one")


def test_suspended_table_is_refused_only_if_rows_are_missing(table: TestQuestDB) -> None:
    table.query(f"ALTER TABLE {TABLE} SUSPEND WAL")
    wait(table.pg_uri, TABLE)
    insert(table, 1)
    with pytest.raises(OperatorError, match=f"cannot read all of {TABLE}: suspended"):
        wait(table.pg_uri, TABLE)


def test_rows_that_stay_unapplied_are_an_error_after_the_time(
    questdb: TestQuestDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server is asked again and again until the clock says enough, and the lag is named."""

    async def main() -> None:
        connection = await connect(questdb.pg_uri)
        clock = ManualClock()
        asked = 0

        async def fetch(sql: str, *parameters: object, timeout_s: float) -> list[Row]:
            nonlocal asked
            asked += 1
            clock.advance(1.0)
            return [("meters", False, 4, 5)]

        async def sleep(duration_s: float) -> None:
            clock.advance(duration_s)

        monkeypatch.setattr(connection, "fetch", fetch)
        monkeypatch.setattr(clock, "sleep", sleep)
        try:
            with pytest.raises(OperatorError, match=r"meters: rows .* not visible after 5 s"):
                await wait_applied(connection, ["meters"], clock=clock, timeout_s=5.0)
        finally:
            await connection.close()
        assert asked == 5  # one second each, and the sleeps between

    asyncio.run(main())


def test_closed_connection_is_an_error(questdb: TestQuestDB) -> None:
    async def main() -> None:
        connection = await connect(questdb.pg_uri)
        await connection.close()
        with pytest.raises(QuestDBUnavailable):
            await wait_applied(connection, ["meters"], clock=SystemClock(), timeout_s=1.0)

    asyncio.run(main())
