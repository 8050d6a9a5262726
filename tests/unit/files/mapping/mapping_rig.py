"""A mapping over a small file, and what it comes to."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from utility_ts_analytics.files.mapping.databases import Database, Databases
from utility_ts_analytics.files.mapping.engine import Selection
from utility_ts_analytics.files.mapping.statement import parse_statement, source_columns
from utility_ts_analytics.files.pieces import START, Place, Versions
from utility_ts_analytics.files.sources.column_pieces import ColumnRules
from utility_ts_analytics.files.sources.mapped_file import MappedFile
from utility_ts_analytics.files.tables.file_bytes import FileBytes
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.records.validation import TS_END
from utility_ts_analytics.sinks.ilp.columns import column_encoder

SPEC = STREAMS["meter_usage"]
LINE_BYTES_MAX = 10_000
HEAD = "ts,meter_id,kwh\n"
TWO = HEAD + "2024-01-01T00:00:00Z,a,1\n2024-01-01T00:15:00Z,b,2\n"
PLAIN = "SELECT rec, ts, meter_id, kwh FROM csv($path)"


class OfOneFile(Databases):
    """Keeps none for another file."""

    def give_back(self, database: Database) -> None:
        database.close()


def written(folder: Path, content: str | bytes = TWO, name: str = "f.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def selected(sql: str, path: Path) -> Selection:
    return Selection(OfOneFile(parse_statement(sql)), FileBytes(path), LINE_BYTES_MAX)


def rows_of(sql: str, path: Path) -> Sequence[dict[str, Any]]:
    """Return what a mapping gives."""
    selection = selected(sql, path)
    try:
        return [row for batch in selection.batches() for row in batch.to_pylist()]
    finally:
        selection.close()


def column_rules(
    versions: Versions[Any] = lambda batch, recs: None,
    refused_max: int = 0,
    *,
    encoded: bool = True,
) -> ColumnRules:
    encode = column_encoder("meter_usage", SPEC) if encoded else None
    return ColumnRules(SPEC, False, TS_END, encode, versions, refused_max)


def mapped(
    sql: str, path: Path, rules: ColumnRules | None = None, start: Place = START
) -> MappedFile:
    """Open a file through a mapping, as a load does."""
    statement, file = parse_statement(sql), FileBytes(path)
    selection = Selection(OfOneFile(statement), file, LINE_BYTES_MAX)
    try:
        names = selection.tables[0].schema.names if selection.tables else ()
        return MappedFile(
            selection,
            file,
            source_columns(statement, names),
            selection.open_table if selection.tables else None,
            rules=rules or column_rules(encoded=False),
            start=start,
        )
    except BaseException:
        selection.close()
        raise
