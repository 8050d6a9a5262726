"""Finds records of a table again, by their numbers: where they stand, as what, with which cells.

A second pass over the file, which only a file with refused records pays: it follows the first one,
and begins anew where it is asked for a record that it has passed.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.tables.column_lines import json_text
from utility_ts_analytics.files.tables.contract import RecordBlock, RecordTable


@dataclass(frozen=True, slots=True)
class Located:
    """One record.

    Attributes:
        line: On which it begins; None where the file has no lines.
        text: As it stood in the file, newline included.
        cells: By the name of the column, as texts; empty ones are left out.
    """

    line: int | None = None
    text: bytes = b""
    cells: Mapping[str, str] = field(default_factory=dict)


NOWHERE = Located()


class Locator:
    """Several threads may ask; one at a time is answered.

    Args:
        open_table: Opens the table; called when the first record is asked for.
    """

    def __init__(self, open_table: Callable[[], RecordTable]) -> None:
        self._open_table = open_table
        self._table: RecordTable | None = None
        self._blocks: Iterator[RecordBlock] = iter(())
        self._block: RecordBlock | None = None
        self._last_rec: int | None = None
        self._lock = threading.Lock()

    def find(self, rec: int) -> Located:
        """Return a record, or `NOWHERE` where the table has none of that number.

        Raises:
            OperatorError: The file cannot be read.
        """
        with self._lock:
            block = self._block_of(rec)
            if block is None:
                return NOWHERE
            numbers = block.batch.column("rec").to_numpy()
            index = int(np.searchsorted(numbers, rec))
            if index < len(numbers) and numbers[index] == rec:
                return _located(block, index)
            refused = next((one for one in block.refused if one.rec == rec), None)
            return NOWHERE if refused is None else Located(refused.line, refused.text)

    def _block_of(self, rec: int) -> RecordBlock | None:
        if self._table is None:
            self._table = self._open_table()
        if self._last_rec is not None and rec > self._last_rec:
            return None
        if self._block is None or rec < _span(self._block)[0]:
            self._blocks = self._table.blocks({})
            self._block = None
        while self._block is None or rec > _span(self._block)[1]:
            block = self._following()
            if block is None:
                self._last_rec = 0 if self._block is None else _span(self._block)[1]
                self._block = None
                return None
            if block.batch.num_rows or block.refused:
                self._block = block
        return self._block

    def _following(self) -> RecordBlock | None:
        try:
            return next(self._blocks, None)
        except OperatorError:
            self._block = None  # the pass is over: what is asked for next begins another
            raise


def _span(block: RecordBlock) -> tuple[int, int]:
    """Return the first and the last number of a block that has records."""
    numbers = block.batch.column("rec")
    ends = [numbers[0].as_py(), numbers[-1].as_py()] if len(numbers) else []
    ends += [one.rec for one in block.refused[:1]] + [one.rec for one in block.refused[-1:]]
    return min(ends), max(ends)


def _located(block: RecordBlock, index: int) -> Located:
    row = block.batch.slice(index, 1)
    cells = {}
    for name, column in zip(row.schema.names, row.columns, strict=True):
        text = "" if name == "rec" else _text_of(column[0])
        if text.strip():
            cells[name] = text
    return Located(block.line_of(index), block.text_of(index), cells)


def _text_of(value: pa.Scalar) -> str:
    """Return a value as text; empty where it is NULL."""
    if not value.is_valid:
        return ""
    try:
        if pa.types.is_timestamp(value.type) and value.type.unit == "ns":
            return str(value.cast(pa.string()).as_py())  # Python has no nanoseconds
        return str(value.as_py())
    except (ValueError, OverflowError, pa.ArrowException):
        return json_text(value).decode(errors="replace")
