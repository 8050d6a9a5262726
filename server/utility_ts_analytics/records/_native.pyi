"""What `server/native/` compiles to.

The functions that take rows hold the GIL: give them a block, not a file.
"""

from collections.abc import Sequence
from typing import Literal

from utility_ts_analytics.records.reading import Reading

_Buffer = object  # what has the buffer protocol: collections.abc.Buffer from Python 3.12 on

TextField = tuple[str, Literal["t", "s", "d"], bool, bool, int, bool]
"""A field as `records.reading.FieldRules` has it: its name; its kind, as in `Column`; whether it is
required; whether it is an identifier; its most characters; whether its number may be negative."""

Column = tuple[str, Literal["t", "s", "d"], int, _Buffer | None, _Buffer | None, _Buffer | None]
"""An Arrow array: its name; its kind (`t` for int64 microseconds from 1970-01-01 UTC, `s` for UTF-8
texts, `d` for float64); its offset in rows; its validity bitmap (None: every value is present); its
values, or the offsets of its texts (None: every value is absent); and its texts (None: empty).
"""

def column_lines(
    columns: Sequence[Column], row_count: int, table: bytes, seed: int, /
) -> tuple[bytes, bytes]:
    """Return one ILP line per row, with its event id, and where each of them ends.

    Releases the GIL. Every read is checked to be within its buffer; that texts are UTF-8 without
    U+0000 and numbers finite is not checked.

    Args:
        columns: In the order of the record type's fields; `ts`, with a value in each row, and
            `event_id` are among them. Nobody may change the buffers during the call.
        row_count: Rows of every column, >= 0.
        table: Name of the table, escaped for ILP.
        seed: Seed of the hash, >= 0.

    Returns:
        The lines, and for each the sum of the sizes up to its end, as 64-bit integers.

    Raises:
        TypeError: A column is not such a tuple, or has no buffer where one is needed.
        ValueError: A buffer is too short, an offset points out of it, a kind or offset is invalid,
            a `ts` is missing, before 1970 or after 2513, or `ts` or `event_id` is no column.
    """

def column_versions(
    columns: Sequence[Column], row_count: int, key_names: Sequence[str], seed: int, /
) -> bytes:
    """Return two hashes per row, as `records.row_versions` describes them.

    Releases the GIL. Makes the same checks as `column_lines`.

    Args:
        columns: As for `column_lines`.
        row_count: Rows of every column, >= 0.
        key_names: Columns of the key, in any order.
        seed: Seed of the hashes, >= 0.

    Returns:
        For each row 16 bytes: the hash of the key, then that of the content, native integers.

    Raises:
        TypeError: As for `column_lines`, or a name of the key is no text.
        ValueError: As for `column_lines`, or the key names no column, or `event_id`.
    """

def row_versions(rows: Sequence[Reading], key_names: Sequence[str], seed: int, /) -> bytes:
    """Return what `column_versions` returns for the same rows as columns.

    Args:
        rows: All of one type.
        key_names: Fields of the key, in any order; not read where there is no row.
        seed: Seed of the hashes, >= 0.

    Raises:
        TypeError: The rows are of different types, not records of msgspec, or hold a value that is
            neither text nor number; or a name of the key is no text.
        ValueError: A `ts` has no zone, is before 1970 or after 2513, or the key names no field, or
            `event_id`.
    """

def derive_event_ids(rows: Sequence[Reading], seed: int, /) -> None:
    """Set `event_id` of every row, as `records.event_id.assign_event_ids` describes it.

    Args:
        rows: All of one type.
        seed: Seed of the hash, >= 0.

    Raises:
        TypeError: The rows are of different types, or not records of msgspec, or an `event_id` is
            no text.
        ValueError: A `ts` has no zone, is before 1970 or after 2513.
    """

def array_part_end(data: _Buffer, start: int, count: int, /) -> int:
    """Return what the function of this name in `reading.json_array` returns."""

def needs_closer_look(data: _Buffer, /) -> bool:
    """Return what the function of this name in `reading.decoder_gaps` returns."""

def ilp_lines(rows: Sequence[Reading], table: bytes, /) -> bytes:
    """Return one ILP line per row, as the QuestDB client's `Buffer.row` writes it.

    Args:
        rows: All of one type, at least one field beside `ts` set in each.
        table: Name of the table, escaped for ILP.

    Raises:
        TypeError: The rows are of different types, or hold a value that ILP cannot carry.
        ValueError: A `ts` has no zone, is before 1970 or after 2513.
    """

def ilp_of_csv(
    data: bytes,
    fields: tuple[TextField, ...],
    table: bytes,
    seed: int,
    first: int,
    end: int,
    key_names: tuple[str, ...],
    cells: bytes,
    separator: bytes,
    /,
) -> tuple[bytes, bytes, frozenset[int], bytes, list[int], int]:
    """Return ILP lines for lines of separated text.

    Ends in front of a line that is in doubt and may be no record of its own, being blank or with
    quotes; and behind a line where many are in doubt.

    Args:
        data: As for `ilp_of_json`, and so on.
        fields: Of the record type.
        table: Name of the table.
        seed: Seed of event ids and hashes.
        first: First instant that is a reading's.
        end: First that is none any more.
        key_names: Fields of the key.
        cells: The index of the field that each cell of a line is, 255 where it is none.
        separator: One of `,` `;` `|` and the tab.

    Returns:
        As `ilp_of_json`; the bytes are those of the lines that were read.

    Raises:
        TypeError: An argument is of another type.
        ValueError: As `ilp_of_json`, or there are no cells or over 1,024.
        OverflowError: A number is negative or over 64 bits.
    """

def ilp_of_json(
    data: bytes,
    fields: tuple[TextField, ...],
    table: bytes,
    seed: int,
    first: int,
    end: int,
    key_names: tuple[str, ...],
    /,
) -> tuple[bytes, bytes, frozenset[int], bytes, list[int], int] | None:
    """Return ILP lines with event ids for lines of JSON, as decoder, ids and `ilp_lines` do.

    Args:
        data: Whole lines, each ended by a newline.
        fields: Of the record type, in its order, at most 15.
        table: Name of the table, escaped for ILP.
        seed: Seed of the event ids and of the hashes, >= 0.
        first: First instant that is a reading's, microseconds from 1970-01-01 UTC.
        end: First that is none any more.
        key_names: Fields of the key, for the hashes; none where there are to be no hashes.

    Returns:
        The lines; where each of them ends, as native 64-bit integers; the days of the rows, from
        1970-01-01; two hashes for each row, as of `row_versions`; the indexes of lines of JSON that
        are in doubt: blank, wrong or unusual ones, which came to nothing; and the bytes of all
        lines. None if those in doubt are many.

    Raises:
        TypeError: An argument is of another type.
        ValueError: There is no required instant `ts` or no text `event_id` among the fields, or a
            field that cannot be read; or the last line has no newline; or a name is none of a
            field that can be of a key.
        OverflowError: A number is negative or over 64 bits.
    """

def ilp_rows(lines: bytes, table: bytes, record_type: type[Reading], /) -> list[Reading]:
    """Return the rows that `ilp_lines` made these lines of, in order; their times as UTC.

    Args:
        lines: Whole lines, of one table.
        table: Its name, escaped for ILP.
        record_type: Of the rows.

    Raises:
        AssertionError: They are not such lines.
        TypeError: `record_type` is no record of msgspec with `ts`, or a line lacks a field that it
            demands.
    """

def json_lines(rows: Sequence[Reading], /) -> bytes | None:
    """Return one line of JSON per row, as msgspec writes it without fields that are None.

    Args:
        rows: All of one type; `ts` set in each.

    Returns:
        None if something in a row is left to msgspec: a text with something to escape, a number
        with more than six decimals or of 1e9 and more, a `ts` that is not in UTC.

    Raises:
        TypeError: The rows are of different types, or not records of msgspec.
    """

def key_partitions(keys: Sequence[str], partitions: int, /) -> bytes:
    """Return the partition of each key, as `sinks.kafka.partitioning` does.

    Args:
        keys: Texts without lone surrogates.
        partitions: 1..65536.

    Returns:
        Native 16-bit integers.

    Raises:
        TypeError: A key is no text.
        ValueError: The number is another, or a key is not UTF-8.
    """

def lines_by_partition(lines: _Buffer, numbers: _Buffer, partitions: int, /) -> list[bytes | None]:
    """Return the lines of each partition, as `sinks.kafka.partitioning` does.

    Args:
        lines: Lines, each with its newline.
        numbers: Partition of each, native 16-bit integers.
        partitions: 1..65536.

    Raises:
        TypeError: An argument is no buffer or no number.
        ValueError: There are not as many lines as numbers, or a number is too large.
    """
