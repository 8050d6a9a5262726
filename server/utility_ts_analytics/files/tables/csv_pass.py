"""One pass over the records of separated text, block by block, from behind its header on."""

from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from utility_ts_analytics.files.pieces import add_note
from utility_ts_analytics.files.tables.contract import (
    CELL_CHARACTERS_MAX,
    REC,
    EncodedRows,
    RecordBlock,
    Refused,
)
from utility_ts_analytics.files.tables.csv_records import Broken, Cutter, Row, read_quickly
from utility_ts_analytics.files.tables.csv_rules import CsvRules
from utility_ts_analytics.files.tables.lines_table import empty_batch
from utility_ts_analytics.files.tables.text import LineTexts, TextFile, lines_of
from utility_ts_analytics.reading.lines import LineBlock, LongLine
from utility_ts_analytics.records.encoded import CsvEncoder
from utility_ts_analytics.records.validation import RowCode

_PLAIN_LINES: Final = 256
"""LineBlock that are read one by one where one of them is odd; more than one record may have."""


class CsvPass:
    """One pass.

    Args:
        rules: How records are cut.
        text: The file.
        schema: `rec` and the columns.
        wanted: Columns to be read; None: all.
        notes: Gets `records-with-surplus-cells`.
        encode: Encodes records at once where that can be; None: none.
    """

    def __init__(
        self,
        rules: CsvRules,
        text: TextFile,
        schema: pa.Schema,
        wanted: frozenset[str] | None,
        notes: dict[str, int],
        *,
        encode: CsvEncoder | None = None,
    ) -> None:
        self._encode = encode
        self._rules = rules
        self._text = text
        self._schema = schema
        self._names = schema.names[1:]
        self._read = [
            index for index, name in enumerate(self._names) if wanted is None or name in wanted
        ]
        self._cutter = Cutter(rules, len(self._names))
        self._notes = notes
        self._rec = 0
        self._cell_count = len(self._names)

    def blocks(self, parts: "Iterator[LineBlock | LongLine]") -> Iterator[RecordBlock]:
        """Yield the blocks of lines behind the header."""
        held = b""
        behind = 1
        for part in parts:
            count = held.count(b"\n")
            if isinstance(part, LongLine):
                if held:
                    yield self._plain(LineBlock(held, behind - count, count), at_end=True)[0]
                held = b""
                yield self._long_line(part)
                behind = part.line + 1
                continue
            behind = part.first_line + part.lines
            lines = LineBlock(held + part.data, part.first_line - count, part.lines + count)
            held = yield from self._some(lines)
        if held:
            count = held.count(b"\n")
            yield self._plain(LineBlock(held, behind - count, count), at_end=True)[0]

    def _some(self, lines: LineBlock) -> Generator[RecordBlock, None, bytes]:
        """Read lines quickly, where they are odd one by one; return what may go on behind them.

        A stretch always begins where a record does: lines within quotes are never records.
        """
        if not lines.data.strip(b"\r\n"):
            yield RecordBlock(
                empty_batch(self._schema), (), len(lines.data), lambda _: None, lambda _: b""
            )
            return b""
        if self._encode is not None:
            block, lines = self._encoded(self._encode, lines)
            if block is not None:
                yield block
            if not lines.lines:
                return b""
        block = self._quickly(lines)
        if block is not None:
            yield block
            return b""
        ends = np.flatnonzero(np.frombuffer(lines.data, np.uint8) == ord("\n")) + 1
        begin, count = 0, lines.lines
        while begin < lines.lines:
            stretch = _part(lines, ends, begin, min(begin + count, lines.lines))
            block = None if stretch.lines == lines.lines else self._quickly(stretch)
            if block is not None:
                yield block
                begin, count = begin + stretch.lines, 2 * count
            elif stretch.lines > _PLAIN_LINES:
                count = max(_PLAIN_LINES, stretch.lines // 4)
            else:
                count = _PLAIN_LINES
                block, held = self._plain(stretch, at_end=False)
                yield block
                begin += stretch.lines - held.count(b"\n")
                if held and begin + held.count(b"\n") == lines.lines:
                    return held
        return b""

    def _encoded(
        self, encode: CsvEncoder, lines: LineBlock
    ) -> tuple[RecordBlock | None, LineBlock]:
        """Return lines with their rows encoded, None of none; and the lines that must be cut."""
        found = encode(lines.data)
        count = len(found.lines) + len(found.doubts)
        if not found.lines:
            return None, lines
        rec, first, text = self._rec + 1, lines.first_line, LineTexts(lines.data, self._text)
        batch, refused = self._odd(text, found.doubts, first)
        recs = np.delete(np.arange(rec, rec + count), found.doubts)
        self._rec += count
        block = RecordBlock(
            batch,
            refused,
            found.size_bytes,
            lambda i: first + i,
            text,
            EncodedRows(found.lines, found.days, recs, rec),
        )
        return block, LineBlock(lines.data[found.size_bytes :], first + count, lines.lines - count)

    def _odd(
        self, texts: LineTexts, indexes: Sequence[int], first: int
    ) -> tuple[pa.RecordBatch, Sequence[Refused]]:
        """Read some lines of a block that begins with line `first`, each one record.

        Together if that can be.
        """
        if not indexes:
            return empty_batch(self._schema), ()
        rec, odd = self._rec + 1, [texts.line(index) for index in indexes]
        columns = self._columns(b"".join(odd), len(odd))
        if columns is not None:
            numbers = pa.array([rec + index for index in indexes], REC.type)
            return pa.RecordBatch.from_arrays([numbers, *columns], schema=self._schema), ()
        found = (
            (rec + index, one)
            for index, line in zip(indexes, odd, strict=True)
            for one in self._cutter.cut([line], first + index, at_end=True)[0]
        )
        batch, refused, _ = self._sorted_out(found)
        return batch, refused

    def _quickly(self, lines: LineBlock) -> RecordBlock | None:
        """Read a record for each line, or return None if any is odd, or filled beyond the last."""
        columns = self._columns(lines.data, lines.lines)
        if columns is None:
            return None
        numbers = np.arange(self._rec + 1, self._rec + lines.lines + 1)
        self._rec += lines.lines
        batch = pa.RecordBatch.from_arrays([pa.array(numbers), *columns], schema=self._schema)
        first = lines.first_line
        texts = LineTexts(lines.data, self._text)
        return RecordBlock(batch, (), len(lines.data), lambda i: first + i, texts)

    def _columns(self, data: bytes, line_count: int) -> list[pa.Array] | None:
        """Return the cells of lines that are a record each; None as of `_quickly`."""
        count = self._cell_count
        if self._rules.ragged:
            count = data[: data.index(b"\n")].count(self._rules.sep.encode()) + 1
        width = len(self._names)
        surplus = range(width, count)
        read = [index for index in self._read if index < count]
        table = read_quickly(data, line_count, self._rules, count, [*read, *surplus])
        if table is None:
            return None
        if any(table.column(str(index)).null_count < table.num_rows for index in surplus):
            return None
        columns: list[pa.Array] = [pa.nulls(line_count, pa.string())] * width
        for index in read:
            columns[index] = table.column(str(index)).combine_chunks()
        return columns

    def _plain(self, lines: LineBlock, *, at_end: bool) -> tuple[RecordBlock, bytes]:
        """Read record by record; also return the lines of one that goes on behind them."""
        found, rest = self._cutter.cut(lines_of(lines.data), lines.first_line, at_end=at_end)
        batch, refused, good = self._sorted_out(enumerate(found, self._rec + 1))
        self._rec += len(found)
        held = b"".join(rest)
        block = RecordBlock(
            batch,
            refused,
            len(lines.data) - len(held),
            lambda i: good[i].line,
            lambda i: self._text.original(good[i].text),
        )
        return block, held

    def _sorted_out(
        self, found: Iterable[tuple[int, Row | Broken]]
    ) -> tuple[pa.RecordBatch, list[Refused], list[Row]]:
        """Return numbered records as a batch, those that are refused, and those of the batch."""
        good: list[Row] = []
        numbers: list[int] = []
        refused: list[Refused] = []
        for rec, one in found:
            row = self._judged(one, rec)
            if isinstance(row, Refused):
                refused.append(row)
            else:
                good.append(row)
                numbers.append(rec)
        if good:
            self._cell_count = max(len(good[-1].cells), len(self._names))
        columns: list[pa.Array] = [pa.array(numbers, pa.int64())]
        for index in range(len(self._names)):
            column = pa.nulls(len(good), pa.string())
            if index in self._read:
                cells = [
                    row.cells[index] or None if index < len(row.cells) else None for row in good
                ]
                column = pa.array(cells, pa.string())
            columns.append(column)
        return pa.RecordBatch.from_arrays(columns, schema=self._schema), refused, good

    def _judged(self, one: Row | Broken, rec: int) -> Row | Refused:
        """Return a record, or what is wrong with it as such."""
        if isinstance(one, Broken):
            return self._refused(one, rec, "wrong-type", one.detail)
        width, cells = len(self._names), one.cells
        if not self._rules.takes(cells, width):
            detail = f"the record has {len(cells)} cells, there are {width} columns"
            code: RowCode = "missing-field" if len(cells) < width else "wrong-type"
            return self._refused(one, rec, code, detail)
        if any(cells[width:]):
            add_note(self._notes, "records-with-surplus-cells")
        try:
            for index in self._read[: len(cells)]:
                if index < len(cells):
                    cells[index].encode()
        except UnicodeEncodeError:
            detail = (
                "the text is not UTF-8: name its encoding, such as `encoding := 'windows-1252'`"
            )
            return self._refused(one, rec, "invalid-utf8", detail)
        return one

    def _refused(self, one: Row | Broken, rec: int, code: RowCode, detail: str) -> Refused:
        text = self._text.original(one.text)
        start = one.text[: 4 * CELL_CHARACTERS_MAX]
        cell = start.decode(errors="replace").rstrip("\r\n")[:CELL_CHARACTERS_MAX]
        return Refused(rec, one.line, code, None, detail, cell, text)

    def _long_line(self, part: LongLine) -> RecordBlock:
        self._rec += 1
        detail = f"the line is over {self._text.max_line_bytes} bytes (max_line_bytes)"
        refused = Refused(self._rec, part.line, "line-too-long", None, detail)
        empty = empty_batch(self._schema)
        return RecordBlock(empty, (refused,), 0, lambda _: None, lambda _: b"")


def _part(lines: LineBlock, ends: npt.NDArray[np.intp], begin: int, end: int) -> LineBlock:
    """Return the lines from `begin` to before `end`, of which `ends` are the ends."""
    data = lines.data[ends[begin - 1] if begin else 0 : ends[end - 1]]
    return LineBlock(data, lines.first_line + begin, end - begin)
