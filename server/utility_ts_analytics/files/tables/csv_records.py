"""Cuts the lines of separated text into records.

Many lines at once, by pyarrow, where each is plainly one record; else one by one, as the standard
library does.

A quote that is opened and not closed costs its own line: how far it goes is bounded, and a record
of several lines is taken for one only where it has the cells that the table wants.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.csv

from utility_ts_analytics.files.tables.csv_rules import CsvRules
from utility_ts_analytics.reading.ndjson import BYTE_ORDER_MARK

_PYARROW_BLOCK_BYTES_MIN = 65_536


def read_quickly(
    data: bytes, line_count: int, rules: CsvRules, cell_count: int, read: Sequence[int]
) -> pa.Table | None:
    """Return a record for each line, or None if any line is odd.

    Odd is: a wrong number of cells, a blank line, invalid UTF-8 in a cell that is read, a carriage
    return within a line, quotes that are not simply around whole cells.

    Args:
        data: Whole lines; the first begins a record.
        line_count: How many.
        rules: How they are cut.
        cell_count: Of each line.
        read: Indices of the cells to return, rising.

    Returns:
        The cells in columns named by their indices, as texts; empty ones are NULL.
    """
    if not _is_even(data, rules):
        return None
    used = [str(index) for index in read] or ["0"]
    try:
        table = pyarrow.csv.read_csv(
            pa.BufferReader(data),
            pyarrow.csv.ReadOptions(
                use_threads=False,
                column_names=[str(index) for index in range(cell_count)],
                block_size=max(len(data) + 1, _PYARROW_BLOCK_BYTES_MIN),
            ),
            pyarrow.csv.ParseOptions(
                delimiter=rules.sep, quote_char=rules.quote or False, newlines_in_values=False
            ),
            pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(used, pa.string()),
                include_columns=used,
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid:
        return None
    return table if table.num_rows == line_count else None


def _is_even(data: bytes, rules: CsvRules) -> bool:
    """Tell whether pyarrow and the plain way have the same idea of where cells and records end."""
    # pyarrow drops a byte order mark at the head of what it is given, which may be a cell's.
    if data.startswith(BYTE_ORDER_MARK):
        return False
    # Asked for first: to find none takes a tenth of the time of looking at each.
    if b"\r" in data and _has_lone_return(data):
        return False
    quote = rules.quote.encode()
    if not quote or quote not in data:
        return True
    return are_around_cells(data, rules.sep.encode(), quote)


def _has_lone_return(data: bytes) -> bool:
    """Tell whether a carriage return is not part of a line end."""
    if data.endswith(b"\r"):
        return True
    text = np.frombuffer(data, np.uint8)
    returns = np.flatnonzero(text == ord("\r"))
    return bool((text[returns + 1] != ord("\n")).any())


def are_around_cells(data: bytes, sep: bytes, quote: bytes) -> bool:
    """Tell whether every other quote begins a cell, and the ones between end it.

    Two quotes in a row within a cell end it and begin it again, so to speak. Line ends within cells
    are not looked for: they spoil the count of records.

    Args:
        data: Whole lines with at least one quote.
        sep: Between cells.
        quote: Around them.
    """
    text = np.frombuffer(data, np.uint8)
    quotes = np.flatnonzero(text == quote[0])
    opening, closing = quotes[::2], quotes[1::2]
    if len(opening) != len(closing) or closing[-1] + 1 == len(text):
        return False
    edges = np.zeros(256, np.bool_)
    edges[[sep[0], ord("\n"), quote[0]]] = True
    before = text[opening - 1]  # of a quote at the very start that is the last byte, a line end
    edges_after = edges.copy()
    edges_after[ord("\r")] = True
    return bool(edges[before].all() and edges_after[text[closing + 1]].all())


RECORD_LINES_MAX: Final = 64
"""Of a record whose cells hold line ends. What is longer is a quote that nobody closed."""

_RECORD_BYTES_MAX: Final = 65_536
_CELL_BYTES_MAX: Final = 2**31 - 1
_BROKEN: Final = "the quotes of the record are broken: one is not closed, or text follows one"


@dataclass(frozen=True, slots=True)
class Row:
    """One record as it was cut; with lone surrogates where its text is not UTF-8."""

    cells: list[str]
    line: int
    text: bytes


@dataclass(frozen=True, slots=True)
class Broken:
    """A line on which a record begins whose quotes are broken."""

    line: int
    text: bytes
    detail: str = _BROKEN


class Cutter:
    """Cuts lines into records.

    Args:
        rules: How.
        width: Of the table; None where any number of cells will do.
    """

    def __init__(self, rules: CsvRules, width: int | None) -> None:
        self._rules = rules
        self._sep = rules.sep.encode()
        self._quote = rules.quote.encode()
        self._width = width
        self._suspect = 0
        csv.field_size_limit(_CELL_BYTES_MAX)  # lines are bounded already

    def cut(
        self, lines: Sequence[bytes], first: int, *, at_end: bool, most: int | None = None
    ) -> tuple[list[Row | Broken], Sequence[bytes]]:
        """Return the records of some lines, and the lines of one that may go on behind them.

        Args:
            lines: Ends included; the first begins a record. Blank ones are no records.
            first: Number of the first.
            at_end: Whether nothing comes behind them.
            most: Records, without broken ones, after which to stop; what is behind them is not
                looked at then.
        """
        found: list[Row | Broken] = []
        index = rows = 0
        while index < len(lines) and (most is None or rows < most):
            line, number = lines[index], first + index
            if not line.strip(b"\r\n"):
                index += 1
                continue
            if not self._quote or self._quote not in line:
                text = line.decode(errors="surrogateescape").rstrip("\r\n")
                found.append(Row(text.split(self._rules.sep), number, line))
                rows += 1
                index += 1
                continue
            one, count = self._quoted(lines, index, number)
            if one is None:
                if not at_end:
                    return found, lines[index:]
                one, count = Broken(number, line), 1
            found.append(one)
            rows += isinstance(one, Row)
            index += count
        return found, ()

    def _quoted(
        self, lines: Sequence[bytes], index: int, number: int
    ) -> tuple[Row | Broken | None, int]:
        """Return the record that begins at `index`, None where its end has not come; its lines."""
        if number == self._suspect and not self._is_sound(lines[index]):
            return Broken(number, lines[index]), 1
        fed: list[bytes] = []
        size = 0
        ended = False

        def feed() -> Iterator[str]:
            nonlocal size, ended
            for line in lines[index : index + RECORD_LINES_MAX]:
                size += len(line)
                if fed and size > _RECORD_BYTES_MAX:
                    return
                fed.append(line)
                yield line.decode(errors="surrogateescape")
            ended = True

        sep, quote = self._rules.sep, self._rules.quote
        reader = csv.reader(feed(), delimiter=sep, quotechar=quote, strict=True)
        try:
            cells = next(reader)
        except csv.Error:
            if ended and len(fed) < RECORD_LINES_MAX:  # there were no more lines
                return None, 0
            self._suspect = number + len(fed) - 1 if not ended and len(fed) > 1 else 0
            return Broken(number, lines[index]), 1
        if len(fed) > 1 and self._width is not None and not self._rules.takes(cells, self._width):
            # Else a quote that nobody closed would take the records behind it.
            self._suspect = number + len(fed) - 1
            return Broken(number, lines[index]), 1
        return Row(cells, number, b"".join(fed)), len(fed)

    def _is_sound(self, line: bytes) -> bool:
        """Tell whether a line that may be the end of a broken record can be one of its own."""
        if line.count(self._quote) % 2:  # its last cell may go on behind it
            line = line.rstrip(b"\r\n") + self._quote + b"\n"
        return are_around_cells(line, self._sep, self._quote)
