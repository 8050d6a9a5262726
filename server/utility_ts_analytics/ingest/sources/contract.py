"""What a source of readings hands out, whatever kind of file it is."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

import pyarrow as pa

from utility_ts_analytics.ingest.file_kinds import FileKind
from utility_ts_analytics.records.validation import RowError

BLOCK_BYTES_MAX = 1_048_576
"""Text of one block, bytes, unless one row is longer: about 8,000 rows of 130 bytes."""

BLOCK_ROWS_MAX = 16_384
"""Rows of one block before wide rows and NEM12 days become intervals."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A line that is no record.

    Attributes:
        error: Its position (a line, or a row of Parquet and Arrow from 1), code, field and reason.
        text: What goes to the file of refused rows, newline included. Empty where an earlier one
            of the same line has given it: a wide row or a NEM12 day is many records.
    """

    error: RowError
    text: bytes


@dataclass(frozen=True, slots=True)
class SourceBlock:
    """What one block of a file came to. Every row of it is in `columns` or in `refused`.

    Attributes:
        columns: Records as far as reading tells; a subset, in order, of
            `records.columns.column_schema`. Rules (required fields, ranges, lengths, signs) are
            for `check_columns`.
        positions: Line (the header is one too) or row number from 1 of each row of `columns`.
        refused: Rows that are no records, in the order of the file.
        line_count: `columns.num_rows + len(refused)`.
        size_bytes: Bytes that all this came from, of text or of columns, >= 0.
        text_of: Text of row i of `columns` for the file of refused rows, newline included; empty
            where an earlier call gave the text of the same line. Valid as long as the block is.
    """

    columns: pa.RecordBatch
    positions: Sequence[int]
    refused: Sequence[Refused]
    line_count: int
    size_bytes: int
    text_of: Callable[[int], bytes]


class Source(Protocol):
    """One open file. A context manager that closes it; iterate once."""

    @property
    def name(self) -> str:
        """The path as it was given."""
        ...

    @property
    def head(self) -> bytes:
        """What a file of refused rows begins with; known from the first block on."""
        ...

    @property
    def refused_kind(self) -> FileKind:
        """What kind of file `head` and the refused texts make together."""
        ...

    @property
    def size_bytes(self) -> int | None:
        """Size of the file on disk, bytes; None for standard input."""
        ...

    @property
    def bytes_read(self) -> int:
        """How much of `size_bytes` has been read; for a progress bar."""
        ...

    @property
    def notes(self) -> Mapping[str, int]:
        """How often each rule of the mapping decided something, so far."""
        ...

    def __iter__(self) -> Iterator[SourceBlock]:
        """Yield the blocks in order.

        Raises:
            OperatorError: The file cannot be read on; names file, line and reason. Blocks before
                it have been handed out.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
