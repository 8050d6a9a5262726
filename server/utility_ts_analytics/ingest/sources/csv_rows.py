"""Text to cells, twice: a block at once by pyarrow, and row by row by the csv module.

The quick way is taken where it is sure to give what the plain way gives; the tests hold them equal
(`test_both_ways_agree`). The plain way knows which line is wrong, and why.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.csv

from utility_ts_analytics.ingest.sources.text_lines import TextBlock
from utility_ts_analytics.reading.ndjson import BYTE_ORDER_MARK


@dataclass(frozen=True, slots=True)
class CellRules:
    """How lines are cut into cells.

    Attributes:
        delimiter: One character.
        quoted: Whether cells may be in double quotes.
        column_count: Cells of a row.
        used: Index in the row and name of each column that is wanted.
        null: A cell of this text is absent.
    """

    delimiter: str
    quoted: bool
    column_count: int
    used: Sequence[tuple[int, str]]
    null: frozenset[str]

    def schema(self) -> pa.Schema:
        """Return the wanted columns, all texts."""
        return pa.schema([(name, pa.string()) for _, name in self.used])


@dataclass(frozen=True, slots=True)
class PlainRow:
    """One row as the csv module has it.

    Attributes:
        cells: With lone surrogates where the text is not UTF-8.
        line: Where it begins.
        text: Its lines.
    """

    cells: list[str]
    line: int
    text: bytes


def read_quickly(block: TextBlock, rules: CellRules) -> pa.RecordBatch | None:
    """Return the wanted columns of a block, a row for each line, or None if any line is odd.

    Odd is: a wrong number of cells, a blank line, invalid UTF-8, a carriage return within a line,
    quotes that are not simply around whole cells.
    """
    data = block.data
    if not _is_even(data, rules):
        return None
    names = [str(index) for index in range(rules.column_count)]
    used = [str(index) for index, _ in rules.used]
    try:
        table = pyarrow.csv.read_csv(
            pa.BufferReader(data),
            pyarrow.csv.ReadOptions(
                use_threads=False, column_names=names, block_size=max(len(data) + 1, 1 << 16)
            ),
            pyarrow.csv.ParseOptions(
                delimiter=rules.delimiter,
                quote_char='"' if rules.quoted else False,
                newlines_in_values=False,
            ),
            pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(used, pa.string()),
                include_columns=used,
                null_values=sorted(rules.null),
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid:
        return None
    if table.num_rows != len(block.numbers):
        return None
    columns = [column.combine_chunks() for column in table.columns]
    return pa.RecordBatch.from_arrays(columns, schema=rules.schema())


def has_quotes(block: TextBlock, rules: CellRules) -> bool:
    """Tell whether a cell of a block may go over the end of its line."""
    return rules.quoted and b'"' in block.data


def _is_even(data: bytes, rules: CellRules) -> bool:
    """Tell whether the two ways have the same idea of where cells and rows end."""
    # pyarrow drops a byte order mark at the head of what it is given, which may be a cell's.
    if data.startswith(BYTE_ORDER_MARK):
        return False
    # Asked for first: to find none takes a tenth of the time of counting them.
    if b"\r" in data and data.count(b"\r") != data.count(b"\r\n"):
        return False
    if not rules.quoted or b'"' not in data:
        return True
    return _are_around_cells(data, rules.delimiter.encode())


def _are_around_cells(data: bytes, delimiter: bytes) -> bool:
    """Tell whether every other quote begins a cell, and the ones between end it.

    Line ends within cells are not looked for: they spoil the count of rows.
    """
    text = np.frombuffer(data, np.uint8)
    quotes = np.flatnonzero(text == ord('"'))
    opening, closing = quotes[::2], quotes[1::2]
    if len(opening) != len(closing) or closing[-1] + 1 == len(text) or len(delimiter) != 1:
        return False
    edges = np.zeros(256, np.bool_)
    edges[[delimiter[0], ord("\n")]] = True
    before = text[opening - 1]  # of a quote at the very start that is the last byte, a line end
    after = text[closing + 1]
    return bool(edges[before].all() and (edges[after] | (after == ord("\r"))).all())


class PlainRows:
    """Reads rows from a block, and on into the next where a row goes over its end.

    Args:
        block: Where to begin.
        following: Blocks behind it; taken from only in the middle of a row.
        rules: How lines are cut.
        cell_bytes_max: Longest cell.
    """

    def __init__(
        self,
        block: TextBlock,
        following: Iterator[TextBlock],
        rules: CellRules,
        cell_bytes_max: int,
    ) -> None:
        self._following = following
        self._delimiter, self._quoted = rules.delimiter, rules.quoted
        self._cell_bytes_max = cell_bytes_max
        self.size_bytes = 0
        self._take(block)

    def __iter__(self) -> Iterator[PlainRow]:
        """Yield every row, blank lines left out.

        Raises:
            csv.Error: The quotes of a row are wrong, or it does not end; `line` says where.
        """
        csv.field_size_limit(self._cell_bytes_max)
        reader = csv.reader(
            self._feed(),
            delimiter=self._delimiter,
            quoting=csv.QUOTE_MINIMAL if self._quoted else csv.QUOTE_NONE,
            strict=True,
        )
        while self._next < len(self._lines):
            self._row.clear()
            self.line = self._numbers[self._next]
            cells = next(reader, None)
            if cells:
                yield PlainRow(cells, self.line, b"".join(self._row))

    def rest(self) -> TextBlock:
        """Return the lines of the block that no row has been read from."""
        lines, numbers = self._lines[self._next :], self._numbers[self._next :]
        return TextBlock(b"".join(lines), numbers, self.size_bytes)

    def _take(self, block: TextBlock) -> None:
        self._lines, self._numbers, self._next = block.lines(), block.numbers, 0
        self.size_bytes += block.size_bytes
        self._row: list[bytes] = []
        self.line = self._numbers[0] if self._numbers else 1

    def _feed(self) -> Iterator[str]:
        while True:
            while self._next >= len(self._lines):
                row, line = self._row, self.line
                block = next(self._following, None)
                if block is None:
                    return
                self._take(block)
                self._row, self.line = row, line
            text = self._lines[self._next]
            self._next += 1
            self._row.append(text)
            yield text.decode(errors="surrogateescape")
