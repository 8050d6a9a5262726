"""What tests of queries share: rows into tables, answers out, and the samples read without SQL."""

import csv
import gzip
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from utility_ts_analytics.queries.literals import quote_text, quote_timestamp

SAMPLES = Path(__file__).parents[3] / "data-samples"
ROWS_PER_INSERT = 300  # a statement is a URL: 64 KiB at most
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class Database(Protocol):
    """What these tests ask of the `questdb` and `sample_questdb` fixtures."""

    @property
    def pg_uri(self) -> str: ...

    @property
    def http_port(self) -> int: ...

    def query(self, sql: str) -> Sequence[Sequence[object]]: ...

    def truncate(self, *tables: str) -> None: ...

    def wait_applied(self, table: str) -> None: ...


def store(database: Database, **tables: Iterable[dict[str, object]]) -> None:
    """Make each table hold these rows and no others; rows of one table have the same columns."""
    for table, given in tables.items():
        rows = list(given)
        database.truncate(table)
        for first in range(0, len(rows), ROWS_PER_INSERT):
            columns = ", ".join(rows[first])
            values = ", ".join(
                f"({', '.join(map(literal, row.values()))})"
                for row in rows[first : first + ROWS_PER_INSERT]
            )
            database.query(f"INSERT INTO {table} ({columns}) VALUES {values}")
        database.wait_applied(table)


def store_rows(database: Database, tables: Mapping[str, Sequence[Sequence[object]]]) -> None:
    """Make each table, such as `plants (valid_from, plant_id)`, hold these rows and no others."""
    for target, rows in tables.items():
        table, _, columns = target.rstrip(")").partition(" (")
        names = columns.split(", ")
        store(database, **{table: [dict(zip(names, row, strict=True)) for row in rows]})


def literal(value: object) -> str:
    if isinstance(value, datetime):
        return quote_timestamp(value)
    return "null" if value is None else quote_text(value) if isinstance(value, str) else repr(value)


def rows_of(database: Database, sql: str) -> list[tuple[Any, ...]]:
    """The answer, with times as times in UTC."""
    return [tuple(map(_value, row)) for row in database.query(sql)]


def _value(value: object) -> object:
    if isinstance(value, str) and len(value) == 27 and value.endswith("Z"):
        return datetime.fromisoformat(value)
    return value


def sample_readings() -> list[tuple[datetime, str, float, str]]:
    """Time, meter, true energy (scaled, kWh) and flag of each sample reading, from the raw files.

    The samples' factors hold for the whole week.
    """
    with (SAMPLES / "meter_scale_map.csv").open(newline="") as file:
        factors = {row["meter_id"]: float(row["scale_factor"]) for row in csv.DictReader(file)}
    with gzip.open(SAMPLES / "meter_usage.csv.gz", "rt", newline="") as file:
        return [
            (
                datetime.fromisoformat(row["ts"]),
                row["meter_id"],
                float(row["kwh"]) * factors.get(row["meter_id"], 1.0),
                row["quality_flag"],
            )
            for row in csv.DictReader(file)
        ]


def sample_column(table: str, key: str, column: str) -> dict[str, str]:
    """One column of a reference table of the samples by its key; each has one version."""
    with (SAMPLES / f"{table}.csv").open(newline="") as file:
        return {row[key]: row[column] for row in csv.DictReader(file)}


def shape(sql: str) -> str:
    """The statement with every text literal blanked: what a value must never change."""
    return re.sub(r"'(?:[^']|'')*'", "?", sql, flags=re.DOTALL)
