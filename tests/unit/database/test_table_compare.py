from dataclasses import replace

import pytest

from utility_ts_analytics.database.live_table import LiveTable
from utility_ts_analytics.database.table_compare import compare, create_sql
from utility_ts_analytics.database.table_spec import (
    ColumnSpec,
    TableSpec,
    parse_table,
    split_statements,
    table_specs,
)

SPEC = TableSpec(
    name="readings",
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
LIVE = LiveTable(
    name="readings",
    columns=SPEC.columns,
    timestamp="ts",
    partition_by="DAY",
    wal=True,
    dedup_keys=("ts", "meter_id"),
    suspended=False,
    suspended_cause="",
    wal_lag_transactions=0,
)


def findings(live: LiveTable) -> list[tuple[str, str]]:
    return [(one.kind, one.detail) for one in compare({"readings": live}, [SPEC])]


def test_equal_table_has_no_difference() -> None:
    assert compare({"readings": LIVE}, [SPEC]) == []


def test_table_that_questdb_made_itself_is_one_finding_with_the_way_out() -> None:
    """No statement would make it right, so none that alters it is offered."""
    columns = (
        ColumnSpec("meter_id", "VARCHAR"),
        ColumnSpec("kwh", "DOUBLE"),
        ColumnSpec("timestamp", "TIMESTAMP"),
    )
    live = replace(LIVE, columns=columns, timestamp="timestamp", dedup_keys=())
    [difference] = compare({"readings": live}, [SPEC])
    assert difference.loses_rows
    assert "RENAME TABLE readings TO readings_made_by_ilp or DROP TABLE readings" in str(difference)
    assert "line.auto.create.new.tables=false" in str(difference)
    assert "ALTER" not in str(difference)


def test_case_of_names_and_order_of_columns_and_keys_do_not_matter() -> None:
    live = replace(
        LIVE,
        columns=(ColumnSpec("KWH", "DOUBLE"), ColumnSpec("Meter_ID", "SYMBOL"), LIVE.columns[0]),
        timestamp="TS",
        dedup_keys=("METER_ID", "Ts"),
    )
    assert findings(live) == []


@pytest.mark.parametrize(
    ("live", "kind", "parts"),
    [
        (
            replace(LIVE, columns=LIVE.columns[:2]),
            "missing-column",
            ["column kwh is missing", "run ALTER TABLE readings ADD COLUMN kwh DOUBLE"],
        ),
        (
            replace(LIVE, columns=(*LIVE.columns[:2], ColumnSpec("kwh", "VARCHAR"))),
            "column-type",
            ["kwh is VARCHAR, not DOUBLE", "ALTER TABLE readings ALTER COLUMN kwh TYPE DOUBLE"],
        ),
        (
            replace(LIVE, columns=(ColumnSpec("ts", "TIMESTAMP_NS"), *LIVE.columns[1:])),
            "column-type",
            ["ts is TIMESTAMP_NS, not TIMESTAMP", "RENAME TABLE readings TO readings_old"],
        ),
        (
            replace(LIVE, timestamp=""),
            "timestamp",
            ["designated timestamp is none, not ts", "RENAME TABLE readings TO readings_old"],
        ),
        (
            replace(LIVE, partition_by="MONTH"),
            "partitioning",
            ["partitioned by MONTH, not DAY", "RENAME TABLE readings TO readings_old"],
        ),
        (
            replace(LIVE, wal=False, dedup_keys=()),
            "not-wal",
            ["not a WAL table", "ALTER TABLE readings SET TYPE WAL and restart QuestDB"],
        ),
        (
            replace(LIVE, dedup_keys=()),
            "dedup",
            ["DEDUP is off", "ALTER TABLE readings DEDUP ENABLE UPSERT KEYS(ts, meter_id)"],
        ),
        (
            replace(LIVE, dedup_keys=("ts",)),
            "dedup",
            ["DEDUP has keys (ts)", "ALTER TABLE readings DEDUP ENABLE UPSERT KEYS(ts, meter_id)"],
        ),
        (
            replace(LIVE, suspended=True, suspended_cause="No space left"),
            "suspended",
            ["suspended (No space left)", "ALTER TABLE readings RESUME WAL"],
        ),
        (
            replace(LIVE, suspended=True),
            "suspended",
            ["suspended: rows", "ALTER TABLE readings RESUME WAL"],
        ),
        (
            replace(LIVE, columns=(*LIVE.columns, ColumnSpec("note", "VARCHAR"))),
            "extra-column",
            ["column note VARCHAR is not in the schema"],
        ),
    ],
)
def test_each_difference_is_one_line_that_says_what_to_do(
    live: LiveTable, kind: str, parts: list[str]
) -> None:
    ((found, detail),) = findings(live)
    assert found == kind
    assert "\n" not in detail
    for part in parts:
        assert part in detail


def test_missing_table_is_reported_under_its_configured_name() -> None:
    (difference,) = compare({"readings": LIVE}, [SPEC.named("elsewhere")])
    assert str(difference) == (
        "elsewhere: the table is missing; run 'ingestion-service schema apply'"
    )


def test_unpartitioned_table_without_wal_has_to_be_made_anew() -> None:
    live = replace(LIVE, wal=False, dedup_keys=(), partition_by="NONE")
    kinds = dict(findings(live))
    assert set(kinds) == {"partitioning", "not-wal"}
    assert "RENAME TABLE" in kinds["not-wal"]


def test_all_differences_of_all_tables_are_reported() -> None:
    bad = replace(LIVE, columns=LIVE.columns[:1], dedup_keys=(), suspended=True)
    found = compare({"readings": bad}, [SPEC, SPEC.named("other")])
    assert [(one.table, one.kind) for one in found] == [
        ("readings", "suspended"),
        ("readings", "missing-column"),
        ("readings", "missing-column"),
        ("readings", "dedup"),
        ("other", "missing-table"),
    ]


def test_extra_column_is_a_note_and_all_else_an_error() -> None:
    extra = replace(LIVE, columns=(*LIVE.columns, ColumnSpec("note", "VARCHAR")))
    (note,) = compare({"readings": extra}, [SPEC])
    assert not note.is_error
    assert not note.loses_rows
    (error,) = compare({"readings": replace(LIVE, partition_by="MONTH")}, [SPEC])
    assert error.is_error
    assert not error.loses_rows


@pytest.mark.parametrize(
    "live",
    [
        replace(LIVE, columns=LIVE.columns[:2]),
        replace(LIVE, wal=False),
        replace(LIVE, dedup_keys=("ts",)),
        replace(LIVE, suspended=True),
    ],
)
def test_what_would_refuse_hide_or_double_rows_is_marked(live: LiveTable) -> None:
    assert [one.loses_rows for one in compare({"readings": live}, [SPEC])] == [True]


def test_names_that_are_no_words_are_quoted_in_statements() -> None:
    spec = SPEC.named('my "odd" table')
    (difference,) = compare({spec.name: replace(LIVE, suspended=True)}, [spec])
    assert 'ALTER TABLE "my ""odd"" table" RESUME WAL' in difference.detail


@pytest.mark.parametrize("spec", [*table_specs().values(), replace(SPEC, wal=False, dedup_keys=())])
def test_create_statement_reads_back_as_the_same_table(spec: TableSpec) -> None:
    (statement,) = split_statements(create_sql(spec), "made")
    assert parse_table(statement) == spec
