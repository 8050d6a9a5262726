"""Rows of a file before and after the mapping: what readers of every kind hand to it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from utility_ts_analytics.ingest.mapping.mapper import Indices, Mapper
from utility_ts_analytics.ingest.sources.contract import Refused, SourceBlock
from utility_ts_analytics.records.validation import RowError


@dataclass(frozen=True, slots=True)
class RawBlock:
    """Rows of a file with its own columns.

    Attributes:
        batch: The columns that the mapper uses.
        positions: Line or row number of each row.
        refused: Lines that are not even rows.
        size_bytes: That all this came from.
        text_of: Text of row i of `batch`.
    """

    batch: pa.RecordBatch
    positions: Sequence[int]
    refused: Sequence[Refused]
    size_bytes: int
    text_of: Callable[[int], bytes]


def mapped(raw: RawBlock, mapper: Mapper) -> SourceBlock:
    """Return the records of some rows, and those that are none."""
    found = mapper.map(raw.batch)
    text_of = raw.text_of if found.rows is None else _Once(raw.text_of, found.rows)
    positions = raw.positions
    if found.rows is not None:
        positions = _taken(positions, found.rows)
    columns, refused = found.columns, list(raw.refused)
    if found.faults:
        kept = found.faults.kept(columns.num_rows)
        for index in np.flatnonzero(~kept).tolist():
            fault = found.faults.of_row(index)
            error = RowError(int(positions[index]), fault.code, fault.field, fault.detail)
            refused.append(Refused(error, text_of(index)))
        rows = np.flatnonzero(kept)
        columns = columns.take(pa.array(rows))
        positions = _taken(positions, rows)
        text_of = _Picked(text_of, rows)
        refused.sort(key=lambda one: one.error.position)
    line_count = columns.num_rows + len(refused)
    return SourceBlock(columns, positions, refused, line_count, raw.size_bytes, text_of)


def _taken(positions: Sequence[int], rows: Indices) -> Sequence[int]:
    taken: list[int] = np.asarray(positions)[rows].tolist()
    return taken


class _Picked:
    """Texts of some rows of a block."""

    def __init__(self, text_of: Callable[[int], bytes], rows: Indices) -> None:
        self._text_of = text_of
        self._rows = rows

    def __call__(self, index: int) -> bytes:
        return self._text_of(int(self._rows[index]))


class _Once(_Picked):
    """The same where many rows are from one text: it is given once."""

    def __init__(self, text_of: Callable[[int], bytes], rows: Indices) -> None:
        super().__init__(text_of, rows)
        self._given: set[int] = set()

    def __call__(self, index: int) -> bytes:
        row = int(self._rows[index])
        if row in self._given:
            return b""
        self._given.add(row)
        return self._text_of(row)
