"""What `server/native/` compiles to.

The functions that take rows hold the GIL: give them a block, not a file.
"""

from collections.abc import Sequence
from typing import Literal

from utility_ts_analytics.records.reading import Reading

_Buffer = object  # what has the buffer protocol: collections.abc.Buffer from Python 3.12 on

Column = tuple[str, Literal["t", "s", "d"], int, _Buffer | None, _Buffer | None, _Buffer | None]
"""Name; kind: `t` for int64 microseconds from 1970-01-01 UTC, `s` for UTF-8 texts, `d` for float64;
and of an Arrow array of that kind its offset in rows, its bitmap of values that are there (None:
all are), its values or the offsets of its texts (None: all absent), and its texts (None: empty).
"""

def column_lines(
    columns: Sequence[Column], row_count: int, table: bytes, seed: int, /
) -> tuple[bytes, bytes]:
    """Return one ILP line per row, with its event id, and where each of them ends.

    The GIL is let go meanwhile. Every place that is read is checked to be within its buffer before;
    that texts are UTF-8 without U+0000 and numbers finite is not looked at.

    Args:
        columns: In the order of the record type's fields; `ts`, with a value in each row, and
            `event_id` are among them. Nobody changes the buffers meanwhile.
        row_count: Of every column, >= 0.
        table: Name of the table, escaped as ILP wants it.
        seed: Of the hash, >= 0.

    Returns:
        The lines, and for each the sum of the sizes up to its end, as 64-bit integers.

    Raises:
        TypeError: A column is not such a tuple, or what stands for a buffer is none.
        ValueError: A buffer is too short, its contents point out of it, a kind or offset is none, a
            `ts` is missing, before 1970 or after 2513, or `ts` or `event_id` is not there.
    """

def derive_event_ids(rows: Sequence[Reading], seed: int, /) -> list[Reading]:
    """Set `event_id` of every row that has none, as `records.event_id` describes it.

    Args:
        rows: All of one type.
        seed: Of the hash, >= 0.

    Returns:
        The rows that have one already, untouched, in order.

    Raises:
        TypeError: The rows are of different types, or not records of msgspec.
        ValueError: A `ts` has no zone, is before 1970 or after 2513.
    """

def array_part_end(data: _Buffer, start: int, count: int, /) -> int:
    """Do what `reading.json_array` does of the same name; the tests hold the two equal."""

def needs_closer_look(data: _Buffer, /) -> bool:
    """Do what `reading.oddities` does of the same name; the tests hold the two equal."""

def ilp_lines(rows: Sequence[Reading], table: bytes, /) -> bytes:
    """Return one ILP line per row, as the QuestDB client's `Buffer.row` writes it.

    Args:
        rows: All of one type, at least one field beside `ts` set in each.
        table: Name of the table, escaped as ILP wants it.

    Raises:
        TypeError: The rows are of different types, or hold what has no place in a line.
        ValueError: A `ts` has no zone, is before 1970 or after 2513.
    """
