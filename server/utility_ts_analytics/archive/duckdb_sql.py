"""Opens DuckDB for the archive and the questions; parts of its SQL over files and exports."""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from utility_ts_analytics.database.table_spec import ColumnSpec


def open_duckdb(*, memory_mib: int, spill: Path) -> duckdb.DuckDBPyConnection:
    """Return a DuckDB in memory, in UTC, that never loads extensions by itself.

    Args:
        memory_mib: What it may use, MiB.
        spill: Folder for the rest; made when needed.
    """
    connection = duckdb.connect(
        config={
            "memory_limit": f"{memory_mib}MiB",
            "temp_directory": str(spill),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
    )
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def quoted(name: str) -> str:
    """Return a name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as SQL has it."""
    return "'" + text.replace("'", "''") + "'"


def scan(path: Path) -> str:
    """Return a file as a relation."""
    return f"read_parquet({literal(str(path))}, hive_partitioning = false)"


def kept_rows(old: Path, new: Path, keys: Sequence[str], columns: Sequence[ColumnSpec]) -> str:
    """Return the rows of `old` with keys that `new` lacks, with all of `columns`, as a relation."""
    # Of a table without rows, so that columns which the old file lacks are there, as NULL.
    names = ", ".join(f"NULL::{sql_type(column)} AS {quoted(column.name)}" for column in columns)
    return (
        f"(SELECT * FROM (SELECT {names} WHERE false)"
        f" UNION ALL BY NAME SELECT o.* FROM {scan(old)} o ANTI JOIN {scan(new)} n"
        f" ON {same(keys)})"
    )


def same(keys: Sequence[str]) -> str:
    """Return the condition that rows `o` and `n` have equal business keys."""
    # NULL in a key equals NULL, as for QuestDB's DEDUP.
    return " AND ".join(f"o.{quoted(k)} IS NOT DISTINCT FROM n.{quoted(k)}" for k in keys)


def hashed_value(column: ColumnSpec) -> str:
    """Return a value as it is hashed: the same of an export and of an archived file."""
    name = quoted(column.name)
    match column.type:
        case "TIMESTAMP":
            return f"epoch_us({name})"
        case "UUID":
            return f"{name}::VARCHAR"
        case _:
            return name


def archived_value(column: ColumnSpec) -> str:
    """Return a value as it is archived, under its name."""
    name = quoted(column.name)
    match column.type:
        case "TIMESTAMP":
            return f"{name}::TIMESTAMPTZ AS {name}"
        case "UUID":  # Spark refuses Parquet's own UUID
            return f"{name}::VARCHAR AS {name}"
        case _:
            return name


def sql_type(column: ColumnSpec) -> str:
    """Return DuckDB's type of an archived column."""
    match column.type:
        case "TIMESTAMP":
            return "TIMESTAMPTZ"
        case "SYMBOL" | "VARCHAR" | "STRING" | "UUID":
            return "VARCHAR"
        case "INT":
            return "INTEGER"
        case "LONG":
            return "BIGINT"
        case "SHORT":
            return "SMALLINT"
        case "BYTE":
            return "TINYINT"
        case other:
            return other
