import pytest

from utility_ts_analytics.database.schema_text import split_statements
from utility_ts_analytics.database.table_compare import create_sql
from utility_ts_analytics.database.table_spec import (
    ColumnSpec,
    TableSpec,
    parse_table,
    specs_by_name,
    table_specs,
)
from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.records.streams import STREAMS

WHOLE = (
    'create table if not exists T (ts timestamp, "Order" SYMBOL, x DOUBLE) '
    'timestamp(ts) partition by day wal dedup upsert keys(ts, "Order")'
)


def parse(sql: str) -> TableSpec:
    (statement,) = split_statements(sql, "x.sql")
    return parse_table(statement)


def test_every_part_of_a_statement_is_read_whatever_its_case() -> None:
    assert parse(WHOLE) == TableSpec(
        name="T",
        columns=(
            ColumnSpec("ts", "TIMESTAMP"),
            ColumnSpec("Order", "SYMBOL"),
            ColumnSpec("x", "DOUBLE"),
        ),
        timestamp="ts",
        partition_by="DAY",
        wal=True,
        dedup_keys=("ts", "Order"),
    )


def test_capacity_of_a_symbol_is_read_and_said_again_when_the_table_is_made() -> None:
    spec = parse(WHOLE.replace('"Order" SYMBOL', '"Order" SYMBOL capacity 4096'))
    assert spec.columns[1] == ColumnSpec("Order", "SYMBOL", 4096)
    assert '"Order" SYMBOL CAPACITY 4096, "x" DOUBLE' in create_sql(spec)


def test_partitioning_wal_and_dedup_may_be_absent() -> None:
    spec = parse("CREATE TABLE IF NOT EXISTS t (ts TIMESTAMP) TIMESTAMP(ts)")
    assert (spec.partition_by, spec.wal, spec.dedup_keys) == ("NONE", False, ())


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("create table if not exists", "create table", "expected IF, found T"),
        ("create table if not exists T", "drop table T", "expected CREATE, found drop"),
        ("x DOUBLE)", "x DOUBLE", r"expected \), found timestamp"),
        ("x DOUBLE", "x SYMBOL CAPACITY 1 CACHE", r"expected \), found CACHE"),
        ("x DOUBLE", "x SYMBOL CAPACITY many", "expected a number, found many"),
        ("timestamp(ts)", "", "expected TIMESTAMP, found partition"),
        ("timestamp(ts)", "timestamp(tz)", "table T has no column tz"),
        ('keys(ts, "Order")', "keys(ts, y)", "table T has no column y"),
        ('keys(ts, "Order")', "keys(ts", "the statement ends too early"),
        ("partition by day wal", "partition by day TTL 1 DAY", "unexpected TTL"),
        ("wal dedup", "bypass wal dedup", "unexpected bypass"),
    ],
)
def test_anything_the_schema_does_not_use_is_an_error_with_its_place(
    old: str, new: str, complaint: str
) -> None:
    assert old in WHOLE
    with pytest.raises(OperatorError, match=rf"^cannot read x\.sql:1: {complaint}$"):
        parse(WHOLE.replace(old, new))


def test_second_statement_for_one_table_is_an_error() -> None:
    with pytest.raises(OperatorError, match=r"^cannot read x\.sql:2: second table T$"):
        specs_by_name(split_statements(f"{WHOLE};\n{WHOLE}", "x.sql"))


def test_named_changes_nothing_but_the_name() -> None:
    spec = parse(WHOLE)
    assert spec.named("other").named("T") == spec
    assert spec.named("other").name == "other"


def test_schema_has_the_tables_of_the_contract() -> None:
    assert list(table_specs()) == [
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


@pytest.mark.parametrize("spec", table_specs().values(), ids=lambda spec: spec.name)
def test_every_table_can_be_loaded_twice_without_doubling(spec: TableSpec) -> None:
    assert spec.wal
    assert spec.partition_by != "NONE"
    assert spec.dedup_keys[0] == spec.timestamp == spec.columns[0].name
    assert len(spec.dedup_keys) > 1


@pytest.mark.parametrize("name", STREAMS)
def test_table_of_a_stream_has_exactly_the_columns_the_stream_writes(name: str) -> None:
    stream, table = STREAMS[name], table_specs()[name]
    written = {
        "ts": "TIMESTAMP",
        "event_id": "UUID",
        **dict.fromkeys(stream.symbols, "SYMBOL"),
        **dict.fromkeys(stream.texts, "VARCHAR"),
        **dict.fromkeys(stream.numbers, "DOUBLE"),
    }
    assert {column.name: column.type for column in table.columns} == written
    assert table.dedup_keys == stream.dedup_keys
