"""The tables that questions read: rows of a period, and what is given with a question."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import duckdb

from utility_ts_analytics.archive.duckdb_sql import literal, quoted
from utility_ts_analytics.queries.tariff_calendar import DAY_TYPES, TariffCalendar

COMMITS: Final = "commits"
"""Commits to `meter_usage`, from QuestDB's transaction log."""

COLUMNS: Final[Mapping[str, Mapping[str, str]]] = {
    "meter_usage": {
        "ts": "TIMESTAMP",
        "meter_id": "VARCHAR",
        "kwh": "DOUBLE",
        "quality_flag": "VARCHAR",
    },
    "generation_output": {
        "ts": "TIMESTAMP",
        "plant_id": "VARCHAR",
        "unit_id": "VARCHAR",
        "mw": "DOUBLE",
        "fuel_type": "VARCHAR",
    },
    "network_measurements": {
        "ts": "TIMESTAMP",
        "node_id": "VARCHAR",
        "feeder_id": "VARCHAR",
        "quantity": "VARCHAR",
        "value": "DOUBLE",
        "unit": "VARCHAR",
    },
    "meters": {
        "valid_from": "TIMESTAMP",
        "meter_id": "VARCHAR",
        "customer_id": "VARCHAR",
        "register": "VARCHAR",
        "rated_kva": "DOUBLE",
        "status": "VARCHAR",
    },
    "customers": {
        "valid_from": "TIMESTAMP",
        "customer_id": "VARCHAR",
        "segment": "VARCHAR",
        "tariff_code": "VARCHAR",
    },
    "plants": {
        "valid_from": "TIMESTAMP",
        "plant_id": "VARCHAR",
        "fuel_type": "VARCHAR",
        "capacity_mw": "DOUBLE",
        "units": "INTEGER",
        "status": "VARCHAR",
    },
    "meter_feeder_map": {
        "valid_from": "TIMESTAMP",
        "meter_id": "VARCHAR",
        "feeder_id": "VARCHAR",
        "valid_to": "TIMESTAMP",
    },
    "plant_feeder_map": {
        "valid_from": "TIMESTAMP",
        "plant_id": "VARCHAR",
        "feeder_id": "VARCHAR",
        "valid_to": "TIMESTAMP",
    },
    "meter_scale_map": {
        "valid_from": "TIMESTAMP",
        "meter_id": "VARCHAR",
        "scale_factor": "DOUBLE",
        "valid_to": "TIMESTAMP",
    },
    "topology_events": {
        "ts": "TIMESTAMP",
        "element_id": "VARCHAR",
        "element_type": "VARCHAR",
        "from_feeder_id": "VARCHAR",
        "to_feeder_id": "VARCHAR",
    },
    COMMITS: {
        "committed_at": "TIMESTAMP",
        "oldest": "TIMESTAMP",
        "newest": "TIMESTAMP",
        "row_count": "BIGINT",
    },
}
"""Columns that questions can use, with DuckDB's types."""

BY_DAY: Final = ("meter_usage", "generation_output", "network_measurements")
REFERENCE: Final = tuple(name for name in COLUMNS if name not in (*BY_DAY, COMMITS))

_GIVEN: Final = (
    "CREATE TABLE heads (feeder_id VARCHAR, node_id VARCHAR)",
    "CREATE TABLE ratings (feeder_id VARCHAR, rating_kva DOUBLE)",
    "CREATE TABLE holidays (day DATE)",
    "CREATE TABLE tariff (season VARCHAR, period VARCHAR, rate INTEGER, day_type VARCHAR,"
    " first_day INTEGER, last_day INTEGER, start_minute INTEGER, end_minute INTEGER)",
)
"""Of a tariff: one row per season, type of day and window; `rate` numbers season and period in the
order in which they are named, days are month * 100 + day, minutes those of the day."""


def table_sql(table: str, files: Sequence[Path], *, kind: str, where: str = "") -> str:
    """Return the statement that makes one of `COLUMNS`' tables of Parquet files.

    Args:
        table: Its name; one that is there is replaced.
        files: May be empty: then it is a view without rows.
        kind: "TABLE" reads the files once, "VIEW" whenever it is asked.
        where: A condition, with ` WHERE` in front.
    """
    if not files:
        columns = ", ".join(
            f"NULL::{type_} AS {quoted(name)}" for name, type_ in COLUMNS[table].items()
        )
        return f"CREATE OR REPLACE VIEW {quoted(table)} AS SELECT {columns} WHERE false"
    columns = ", ".join(_column(name, type_) for name, type_ in COLUMNS[table].items())
    listed = ", ".join(literal(str(path)) for path in files)
    return (
        f"CREATE OR REPLACE {kind} {quoted(table)} AS SELECT {columns}"  # noqa: S608 - quoted
        f" FROM read_parquet([{listed}], hive_partitioning = false, union_by_name = true){where}"
    )


def fill_given(
    connection: duckdb.DuckDBPyConnection,
    tariff: TariffCalendar | None,
    heads: Mapping[str, Sequence[str]],
    ratings: Mapping[str, float],
) -> None:
    """Make the tables `heads`, `ratings`, `holidays` and `tariff`; empty where nothing is given.

    Args:
        connection: Has none of them.
        tariff: Gives the last two.
        heads: Nodes by feeder.
        ratings: kVA by feeder.
    """
    for statement in _GIVEN:
        connection.execute(statement)
    rows: dict[str, list[tuple[object, ...]]] = {
        "heads": [(feeder, node) for feeder, nodes in heads.items() for node in nodes],
        "ratings": list(ratings.items()),
    }
    if tariff is not None:
        rows |= {"holidays": [(day,) for day in tariff.holidays], "tariff": _windows(tariff)}
    for table, given in rows.items():
        _insert(connection, table, given)


def _column(name: str, type_: str) -> str:
    column = quoted(name)
    # Without a zone, and without asking ICU about each value.
    return (
        f"make_timestamp(epoch_us({column})) AS {column}"
        if type_ == "TIMESTAMP"
        else f"CAST({column} AS {type_}) AS {column}"
    )


def _insert(
    connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Iterable[object]]
) -> None:
    if rows:
        marks = ", ".join("?" for _ in rows[0])
        connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608 - ours


def _windows(tariff: TariffCalendar) -> list[tuple[object, ...]]:
    number = {rate: index for index, rate in enumerate(tariff.rates)}
    return [
        (
            season.name,
            window.period,
            number[season.name, window.period],
            day_type,
            100 * season.first[0] + season.first[1],
            100 * season.last[0] + season.last[1],
            window.start_minute,
            window.end_minute,
        )
        for season in tariff.seasons
        for day_type in DAY_TYPES
        for window in season.windows_of(day_type)
    ]
