"""Reference and mapping rows from CSV files into their tables, as one commit per file.

Small tables only: a file is held in memory. Readings go through `sinks`, where they are validated.
"""

import csv
import gzip
import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from utility_ts_analytics.database.pool import Connection
from utility_ts_analytics.database.table_spec import TableSpec
from utility_ts_analytics.errors import OperatorError

_INSERT_TIMEOUT_S = 30.0


def _timestamp(text: str) -> datetime:
    """Return naive UTC, which is what QuestDB's wire takes."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time needs an offset")
    return moment.astimezone(UTC).replace(tzinfo=None)


def _finite(text: str) -> float:
    """Refuse NaN and infinity: QuestDB would store them as NULL without an error."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number must be finite")
    return number


_PARSERS: Mapping[str, Callable[[str], object]] = {
    "TIMESTAMP": _timestamp,
    "SYMBOL": str,
    "VARCHAR": str,
    "DOUBLE": _finite,
    "INT": int,
    "UUID": UUID,
}


async def insert_csv(connection: Connection, path: Path, spec: TableSpec) -> int:
    """Insert every row of a CSV file; inserting it again leaves the table as it was (DEDUP).

    Args:
        connection: Used for one statement.
        path: CSV with a header of column names, plain or `.gz`; empty cells are NULL, blank lines
            are no rows.
        spec: The table; the header may leave out columns, but name no others.

    Returns:
        How many rows the file has.

    Raises:
        OperatorError: The file cannot be read, or a cell does not fit its column; names the line.
        QuestDBUnavailable: No connection, or no answer in time.
    """
    header, rows = read_csv(path, spec)
    if rows:
        names = ", ".join(f'"{name}"' for name in header)
        values = ", ".join(f"${number}" for number in range(1, len(header) + 1))
        await connection.executemany(
            f'INSERT INTO "{spec.name}" ({names}) VALUES ({values})',  # noqa: S608  spec's names
            rows,
            timeout_s=_INSERT_TIMEOUT_S,
        )
    return len(rows)


def read_csv(path: Path, spec: TableSpec) -> tuple[Sequence[str], list[tuple[object, ...]]]:
    """Return the header and the typed rows of a CSV file; errors as `insert_csv`."""
    types = {column.name: column.type for column in spec.columns}
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            _check_header(path, header, spec)
            parsers = [_PARSERS[types[name]] for name in header]
            return header, [_parse(path, reader.line_num, row, parsers) for row in reader if row]
    except (OSError, UnicodeDecodeError, csv.Error, EOFError, zlib.error) as error:
        raise OperatorError(f"cannot read {path}: {error}") from error


def _check_header(path: Path, header: Sequence[str], spec: TableSpec) -> None:
    if not header:
        raise OperatorError(f"cannot read {path}: it has no header of column names")
    known = {column.name for column in spec.columns}
    if unknown := [name for name in header if name not in known]:
        raise OperatorError(f"cannot read {path}: {spec.name} has no column {', '.join(unknown)}")
    if repeated := sorted({name for name in header if header.count(name) > 1}):
        raise OperatorError(f"cannot read {path}: the header repeats {', '.join(repeated)}")
    if spec.timestamp not in header:
        raise OperatorError(f"cannot read {path}: the header lacks {spec.timestamp}")


def _parse(
    path: Path, line: int, row: Sequence[str], parsers: Sequence[Callable[[str], object]]
) -> tuple[object, ...]:
    if len(row) != len(parsers):
        raise OperatorError(
            f"cannot read {path}, line {line}: it has {len(row)} cells, the header {len(parsers)}"
        )
    try:
        return tuple(
            parse(cell) if cell else None for parse, cell in zip(parsers, row, strict=True)
        )
    except (ValueError, OverflowError) as error:  # the latter from times at the edge of the years
        raise OperatorError(f"cannot read {path}, line {line}: {error}") from error
