"""Rows to ILP lines, and back. Pure: no I/O, no clock.

The QuestDB client's own row encoder says what a line looks like; the compiled module writes the
same bytes at an eighth of the cost (docs/decisions/0014-native-row-loops.md).
"""

import functools
import re
import struct
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from msgspec.structs import asdict

from utility_ts_analytics.records import native
from utility_ts_analytics.records.reading import EPOCH, Reading

if TYPE_CHECKING:
    from questdb._client import Buffer  # the top-level module does not export the type

_TEXT: Final = rb'"([^"\\]*(?:\\.[^"\\]*)*)"'
_NUMBER: Final = rb"=\x10(.{8})"
_ESCAPED: Final = re.compile(rb"\\(.)", re.DOTALL)
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_]{1,127}")

_unpack: Final[Callable[[bytes], tuple[float]]] = struct.Struct("<d").unpack

RowEncoder = Callable[[Sequence[Reading]], bytes]
"""Returns one line per row, in order. The rows are valid readings: zone-aware `ts` from 1970 on, no
U+0000. Every text goes as a string field, which the server casts to the column's type (SYMBOL,
VARCHAR, UUID). Null fields are left out and end up as NULL. The time stamp is exact to the
microsecond whatever its offset."""


def escape_table(table: str) -> bytes:
    """Return the name of a table as a line begins with it.

    Raises:
        QuestDBError: The client does not take the name.
    """
    if _PLAIN_NAME.fullmatch(table) is not None:  # each that a config can have
        return table.encode()
    probe = _buffer()
    probe.row(table, columns={"probe": 0.0}, at=datetime(2000, 1, 1, tzinfo=UTC))
    return bytes(probe).partition(b" probe=")[0]


def row_encoder(table: str) -> RowEncoder:
    """Return the fastest encoder there is for rows of `table`; errors as `escape_table`."""
    escaped_table = escape_table(table)
    ilp_lines = native.ilp_lines
    if ilp_lines is None:
        return client_encoder(table)
    return lambda rows: ilp_lines(rows, escaped_table)


def client_encoder(table: str) -> RowEncoder:
    """Return the encoder that is nothing but the client's: the reference for any other."""
    buffer = _buffer()

    def encode(rows: Sequence[Reading]) -> bytes:
        add = buffer.row
        for row in rows:
            columns = asdict(row)
            add(table, columns=columns, at=columns.pop("ts"))
        lines = bytes(buffer)
        buffer.clear()  # type: ignore[no-untyped-call]  # the client's stub lacks the annotation
        return lines

    return encode


def rows_of_lines(lines: bytes, escaped_table: bytes, record_type: type[Reading]) -> list[Reading]:
    """Return the rows that `lines` were made of, in order; their times as UTC.

    For rows that go another way after they were encoded: those that QuestDB refuses, that go by the
    fallback or into the spool.

    Args:
        lines: Whole lines, of one table.
        escaped_table: Its name as it stands in them.
        record_type: Of the rows.

    Raises:
        AssertionError: They are not lines of our encoder.
    """
    read = native.ilp_rows or plain_rows_of_lines
    return read(lines, escaped_table, record_type)


def way_back(
    table: str, record_type: type[Reading]
) -> tuple[bytes, Callable[[bytes], list[Reading]]]:
    """Return the name of a table in lines, and what makes rows of such lines; errors as there."""
    escaped_table = escape_table(table)
    return escaped_table, lambda lines: rows_of_lines(lines, escaped_table, record_type)


def plain_rows_of_lines(
    lines: bytes, escaped_table: bytes, record_type: type[Reading]
) -> list[Reading]:
    """Return what `rows_of_lines` does, ten times as slowly: the reference for any other way."""
    names, line = _line_of(escaped_table, record_type)
    rows = []
    at = 0
    while at < len(lines):
        found = line.match(lines, at)
        if found is None:
            raise AssertionError(f"no line of our encoder at byte {at}")
        *values, microseconds = found.groups()
        fields: dict[str, object] = {"ts": EPOCH + timedelta(microseconds=int(microseconds))}
        for name, text, number in zip(names, values[::2], values[1::2], strict=True):
            if text is not None:
                fields[name] = (_ESCAPED.sub(rb"\1", text) if b"\\" in text else text).decode()
            elif number is not None:
                fields[name] = _unpack(number)[0]
        rows.append(record_type(**fields))  # type: ignore[arg-type]  # checked when they came in
        at = found.end()
    return rows


def _buffer() -> "Buffer":
    """Return an empty buffer of protocol version 2, which has binary floats."""
    # Imported here: it imports NumPy, 17 MB and a tenth of a second for each worker, which needs
    # neither where the compiled module is. The class is documented, but only a deprecated module
    # exports it.
    from questdb import _client

    return _client.Buffer(protocol_version=2)


@functools.cache
def _line_of(table: bytes, record_type: type[Reading]) -> tuple[list[str], re.Pattern[bytes]]:
    """Return the names of all fields but `ts`, and the pattern of a line: two groups for each."""
    names = [name for name in record_type.__struct_fields__ if name != "ts"]
    fields = b"".join(rb"(?:[ ,]%s=(?:%s|%s))?" % (name.encode(), _TEXT, _NUMBER) for name in names)
    return names, re.compile(re.escape(table) + fields + rb" (\d+)t\n", re.DOTALL)
