import re
from pathlib import Path

import pytest

from utility_ts_analytics.database.schema import specs_for
from utility_ts_analytics.database.table_compare import create_sql
from utility_ts_analytics.database.table_spec import (
    ColumnSpec,
    TableSpec,
    parse_table,
    schema_files,
    schema_statements,
    schema_text,
    specs_by_name,
    split_statements,
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
    types = {column.name: column.type for column in table.columns}
    assert set(types) == set(stream.fields)
    assert (types["ts"], types["event_id"]) == ("TIMESTAMP", "UUID")
    assert {types[number] for number in stream.numbers} == {"DOUBLE"}
    assert {types[text] for text in stream.texts} <= {"SYMBOL", "VARCHAR"}
    assert {types[key] for key in stream.dedup_keys[1:]} == {"SYMBOL"}
    assert table.dedup_keys == stream.dedup_keys


@pytest.mark.parametrize(
    ("sql", "texts"),
    [
        ("", []),
        ("  \n-- nothing; here\n/* or; here */ ;;", []),
        ("A", ["A"]),
        ("A; B ;", ["A", "B "]),
        ("A -- one; two\n B;", ["A -- one; two\n B"]),
        ("A /* ; */ B;", ["A /* ; */ B"]),
        ("A 'x;''y;' B; C", ["A 'x;''y;' B", "C"]),
        ('A "x;""y" B;', ['A "x;""y" B']),
        ("-- first\nA;\n-- last", ["A"]),
    ],
)
def test_semicolon_ends_a_statement_only_outside_comments_and_quotes(
    sql: str, texts: list[str]
) -> None:
    assert [statement.text for statement in split_statements(sql, "x.sql")] == texts


def test_tokens_leave_comments_out_and_unquote_names() -> None:
    (statement,) = split_statements("A(\"b\"\"c\", 'd''e') -- f\n G_1", "x.sql")
    assert statement.tokens == ("A", "(", 'b"c', ",", "'d''e'", ")", "G_1")


def test_origin_is_the_line_of_the_first_word() -> None:
    first, second = split_statements("\n-- x\nA;\n\n B", "x.sql")
    assert (first.origin, second.origin) == ("x.sql:3", "x.sql:5")


@pytest.mark.parametrize("sql", ["A;\n#", "A;\n'open", 'A;\n"open', "A;\n%\nB"])
def test_unreadable_character_is_named_with_its_line(sql: str) -> None:
    with pytest.raises(OperatorError, match=r"^cannot read x\.sql:2: unexpected ") as caught:
        list(split_statements(sql, "x.sql"))
    assert "\n" not in str(caught.value)


def test_first_directory_with_files_is_taken_and_sorted(tmp_path: Path) -> None:
    absent, empty, full, later = (tmp_path / name for name in ("absent", "empty", "full", "later"))
    for directory in (empty, full, later):
        directory.mkdir()
    for file in (full / "02_b.sql", full / "01_a.sql", full / "notes.txt", later / "03_c.sql"):
        file.write_text("A;")
    found = schema_files((absent, empty, full, later))
    assert [file.name for file in found] == ["01_a.sql", "02_b.sql"]


def test_no_schema_files_at_all_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=f"no .*{re.escape(str(tmp_path))}.*install"):
        schema_files((tmp_path,))


def test_shown_text_holds_every_file_whole_and_splits_into_the_same_statements() -> None:
    shown = schema_text()
    files = schema_files()
    assert [file.name for file in files] == [
        "01_core_timeseries.sql",
        "02_reference.sql",
        "03_mapping_tables.sql",
    ]
    for file in files:
        assert f"-- {file.name}\n{file.read_text()}" in shown
    assert [one.tokens for one in split_statements(shown, "shown")] == [
        one.tokens for one in schema_statements()
    ]


def test_shown_text_has_the_names_of_the_streams_tables() -> None:
    tables = {"meter_usage": "scada", "generation_output": "Order"}
    shown = specs_by_name(split_statements(schema_text(tables), "shown"))
    assert list(shown.values()) == specs_for(tables)


@pytest.mark.parametrize(
    ("name", "symbols"),
    [
        ("meter_usage", {"meter_id", "quality_flag", "source_system"}),
        ("generation_output", {"plant_id", "unit_id", "status", "fuel_type"}),
    ],
)
def test_symbols_of_each_stream_are_fixed(name: str, symbols: set[str]) -> None:
    columns = table_specs()[name].columns
    assert {column.name for column in columns if column.type == "SYMBOL"} == symbols
