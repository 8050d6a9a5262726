"""Blocks of a table whose records are made one by one, in Python.

Green Button, MSCONS and workbooks are read by parsers that hand out one record at a time; what is
common to them is here: columns of lists, bounded blocks, and the text of a record on demand.
"""

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

import pyarrow as pa

from utility_ts_analytics.files.tables.contract import BLOCK_ROWS_MAX, RecordBlock, Refused
from utility_ts_analytics.files.tables.file_bytes import FileBytes

SourceT = TypeVar("SourceT")
Row = tuple[object, ...]
"""Values of one record in the order of the schema, `rec` first."""


class RowBlocks(Generic[SourceT]):
    """Collects the records of one pass. Bounded if the caller takes the block once `is_full`.

    Args:
        schema: Of the table.
        text_of: Returns a record, from what it was made of, as it stands in a file of refused
            records, newline included.
    """

    def __init__(self, schema: pa.Schema, text_of: Callable[[SourceT], bytes]) -> None:
        self._schema = schema
        self._text_of = text_of
        self._clear()

    def add(self, row: Row, line: int | None, source: SourceT) -> None:
        """Take one record.

        Args:
            row: Its values.
            line: Of the file on which it begins, from 1; None where the file has no lines.
            source: What it was made of; held as long as the block is.
        """
        self._rows.append(row)
        self._lines.append(line)
        self._sources.append(source)

    def refuse(self, refused: Refused) -> None:
        """Take one record that cannot be read."""
        self._refused.append(refused)

    @property
    def is_full(self) -> bool:
        """Whether the block must be taken before more is added."""
        return len(self._rows) + len(self._refused) >= BLOCK_ROWS_MAX

    def take(self, size_bytes: int) -> RecordBlock:
        """Return what was added since the last block, which may be nothing.

        Args:
            size_bytes: Of the file that it came from.
        """
        rows, lines, sources = self._rows, self._lines, self._sources
        refused = self._refused
        self._clear()
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(self._schema)
        arrays = [
            pa.array(column, part.type) for column, part in zip(columns, self._schema, strict=True)
        ]
        batch = pa.RecordBatch.from_arrays(arrays, schema=self._schema)
        return RecordBlock(
            batch,
            refused,
            size_bytes,
            lines.__getitem__,
            lambda index: self._text_of(sources[index]),
        )

    def _clear(self) -> None:
        self._rows: list[Row] = []
        self._lines: list[int | None] = []
        self._sources: list[SourceT] = []
        self._refused: list[Refused] = []


class CountedBytes:
    """The bytes of a file, and how many have come since somebody asked.

    Args:
        file: The file.
    """

    def __init__(self, file: FileBytes) -> None:
        self._file = file
        self._count = 0

    def chunks(self) -> Iterator[bytes]:
        """Yield the pieces of the file, as `FileBytes.chunks`."""
        for chunk in self._file.chunks():
            self._count += len(chunk)
            yield chunk

    def taken(self) -> int:
        """Return the bytes since the last call."""
        count, self._count = self._count, 0
        return count
