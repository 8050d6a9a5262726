"""Archived rows as ILP lines for QuestDB, in the order of their time.

Readings without `event_id` are encoded as `load` does: compiled code computes the ids again, as the
service did (decision 0017). DuckDB makes the lines of all other rows, value by value.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa

from utility_ts_analytics.archive.duckdb_sql import literal, quoted
from utility_ts_analytics.archive.engine import SOURCE, Engine
from utility_ts_analytics.archive.tables import EVENT_ID, ArchiveTable
from utility_ts_analytics.database.table_spec import ColumnSpec
from utility_ts_analytics.records.columns import check_columns, column_schema
from utility_ts_analytics.records.encoded import EncodedLines
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.records.validation import TS_END
from utility_ts_analytics.sinks.ilp.columns import column_encoder

POST_ROWS: Final = 65_536
"""Rows of one request, which is one commit: fewer make more transactions of the same rows."""

_ENCODER_ROWS: Final = 8_192


def archived_lines(
    engine: Engine, table: ArchiveTable, columns: Sequence[ColumnSpec], path: Path
) -> Iterator[bytes]:
    """Yield the rows of a file as blocks of lines of up to `POST_ROWS` rows.

    Rows that the service could not have written itself (another client did) keep an empty
    `event_id` where the archive has none.

    Raises:
        DamagedFile: The file cannot be read.
    """
    names = {column.name for column in columns}
    if table.stream is None or EVENT_ID in names or not _is_of_stream(table, columns):
        yield from _text_lines(engine, table, columns, path)
        return
    spec = STREAMS[table.stream]
    schema = column_schema(spec)
    encode = column_encoder(table.name, spec)
    wanted = [name for name in schema.names if name in names]
    sql = (
        f"SELECT {', '.join(map(quoted, wanted))} FROM {SOURCE}"
        f" ORDER BY {quoted(table.spec.timestamp)}"
    )
    target = pa.schema([schema.field(name) for name in wanted])
    for batch in engine.stream(sql, path, batch_rows=POST_ROWS):
        parts = []
        for start in range(0, batch.num_rows, _ENCODER_ROWS):
            piece = batch.slice(start, _ENCODER_ROWS).cast(target)
            checked = check_columns(piece, spec, allow_negative=True, ts_end=TS_END)
            if checked.batch.num_rows:
                parts.append(bytes(encode(checked.batch).data))
            if checked.broken:  # rows that the rules refuse are restored too
                rows = piece.take(pa.array([row.row_index for row in checked.broken]))
                texts = engine.answer(text_sql(table, columns), rows)
                parts.append("".join(str(text) for (text,) in texts).encode())
        yield b"".join(parts)


def text_sql(
    table: ArchiveTable, columns: Sequence[ColumnSpec], *, key_field: str | None = None
) -> str:
    """Return the query that makes a line of each row, in the order of their time.

    Texts of all kinds go as string fields: QuestDB casts them to SYMBOL and UUID.

    Args:
        table: Of the rows.
        columns: That the lines have.
        key_field: A column that the answer has beside the line; None for no other.
    """
    ts = quoted(table.spec.timestamp)
    fields = ", ".join(
        f"{literal(_escaped_name(column.name) + '=')} || {_value(column)}"
        for column in columns
        if column.name != table.spec.timestamp
    )
    name = literal(_escaped_name(table.name) + " ")
    # concat_ws leaves out what is NULL, and so does the line.
    also = "" if key_field is None else f", {quoted(key_field)}"
    return (
        f"SELECT {name} || concat_ws(',', {fields}) || ' ' || (epoch_us({ts}) * 1000) || chr(10)"
        f" AS line{also} FROM {SOURCE} ORDER BY {ts}"
    )


def _text_lines(
    engine: Engine, table: ArchiveTable, columns: Sequence[ColumnSpec], path: Path
) -> Iterator[bytes]:
    for batch in engine.stream(text_sql(table, columns), path, batch_rows=POST_ROWS):
        yield "".join(batch.column(0).to_pylist()).encode()


def _value(column: ColumnSpec) -> str:
    name = quoted(column.name)
    match column.type:
        case "TIMESTAMP":
            return f"(epoch_us({name}) || 't')"
        case "INT" | "LONG" | "SHORT" | "BYTE":
            return f"({name} || 'i')"
        case "DOUBLE" | "FLOAT" | "BOOLEAN":
            return f"{name}::VARCHAR"
        case _:
            text = f"{name}::VARCHAR"
            for character in ("\\", '"', "\n", "\r"):
                text = f"replace({text}, {_chr(character)}, {_chr(chr(92))} || {_chr(character)})"
            return f"('\"' || {text} || '\"')"


def _chr(character: str) -> str:
    return f"chr({ord(character)})"


def _escaped_name(name: str) -> str:
    return "".join(f"\\{character}" if character in ",= \\" else character for character in name)


def count_own_ids(engine: Engine, table: ArchiveTable, path: Path) -> int:
    """Return how many readings have an `event_id` that a restore would not compute again.

    Clients chose those, as a rule. NULL does not count: a restore would add the missing id.

    Args:
        engine: Reads.
        table: Of a stream.
        path: All columns of its rows, `event_id` as text or UUID.

    Raises:
        DamagedFile: The file cannot be read.
    """
    assert table.stream is not None  # noqa: S101
    spec = STREAMS[table.stream]
    schema = column_schema(spec)
    encode = column_encoder(table.name, spec)
    names = ", ".join(
        f"{quoted(name)}::VARCHAR AS {quoted(name)}" if name == EVENT_ID else quoted(name)
        for name in schema.names
    )
    count = 0
    sql = f"SELECT {names} FROM {SOURCE}"
    for batch in engine.stream(sql, path, batch_rows=_ENCODER_ROWS):
        whole = batch.cast(schema)
        checked = check_columns(whole, spec, allow_negative=True, ts_end=TS_END)
        # Rows that the rules refuse get no id again.
        broken = pa.array([row.row_index for row in checked.broken], pa.int64())
        count += len(broken) - whole.column(EVENT_ID).take(broken).null_count
        if checked.batch.num_rows:
            named = encode(checked.batch)
            derived = encode(checked.batch.drop_columns([EVENT_ID]))
            if named.data != derived.data:
                count += _count_other_lines(named, derived)
    return count


def _count_other_lines(one: EncodedLines, other: EncodedLines) -> int:
    # All ids have one length: lines with other ids end at the same places.
    return sum(
        one.part(index, index + 1).data != other.part(index, index + 1).data
        for index in range(len(one))
    )


def _is_of_stream(table: ArchiveTable, columns: Sequence[ColumnSpec]) -> bool:
    """Return whether the stream has all the columns: a table may have more."""
    return table.stream is not None and set(STREAMS[table.stream].fields).issuperset(
        column.name for column in columns
    )
