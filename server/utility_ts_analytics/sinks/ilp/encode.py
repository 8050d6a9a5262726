"""Rows to ILP lines. Pure: no I/O, no clock.

The QuestDB client's own row encoder says what a line looks like; the compiled module writes the
same bytes at an eighth of the cost (docs/decisions/0014-native-row-loops.md).
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec.structs import asdict
from questdb import _client

from utility_ts_analytics.records import native
from utility_ts_analytics.records.reading import Reading

if TYPE_CHECKING:
    from questdb._client import Buffer  # the top-level module does not export the type

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
    probe = _buffer()
    probe.row(table, columns={"probe": 0.0}, at=datetime(2000, 1, 1, tzinfo=UTC))
    return bytes(probe).partition(b" probe=")[0]


def row_encoder(table: str) -> RowEncoder:
    """Return the fastest encoder there is for rows of `table`; errors as `escape_table`."""
    ilp_lines = native.ilp_lines
    if ilp_lines is None:
        return client_encoder(table)
    escaped_table = escape_table(table)
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


def _buffer() -> "Buffer":
    """Return an empty buffer of protocol version 2, which has binary floats."""
    # The class is documented, but only a deprecated module exports it.
    return _client.Buffer(protocol_version=2)
