"""Separated text as a table: every column as text, each record with its number and its line.

A block is read twice over: quickly by pyarrow where all its lines are plain, else record by record
in short stretches, so that one odd line does not slow its neighbours (`test_both_ways_agree`). A
broken record costs itself: reading goes on with the next line.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.tables.contract import REC, RecordBlock
from utility_ts_analytics.files.tables.csv_pass import CsvPass
from utility_ts_analytics.files.tables.csv_records import Broken, Cutter, Row
from utility_ts_analytics.files.tables.csv_rules import CsvRules, checked_rules, column_names
from utility_ts_analytics.files.tables.file_bytes import FileBytes
from utility_ts_analytics.files.tables.text import TextFile, lines_of
from utility_ts_analytics.reading.lines import LongLine, from_line
from utility_ts_analytics.records.encoded import CsvEncoder

__all__ = ["CsvRules", "CsvTable", "column_names"]

_FIRST_RECORDS: Final = 1_000
_HEAD_BYTES_MAX: Final = 65_536
"""Of skipped lines that are kept for the file of refused records."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """What the beginning of a file tells.

    Attributes:
        names: Of the columns as they stand in the header, blanks included.
        head: Skipped lines and the header, in the encoding of the file.
        skip: Lines before the first record.
    """

    names: list[str]
    head: bytes
    skip: int


class CsvTable:
    """One file of separated text; a `RecordTable`.

    Without a header there are as many columns as most of the first 1,000 records have cells, or,
    where records may be `ragged`, as the longest of them has.

    Args:
        file: Its bytes.
        rules: How it is cut.
        max_line_bytes: Longest line, bytes.

    Attributes:
        names: Of the columns as they stand in the header, blanks included.
        wanted: Columns to be read, by the name in `schema`; the others come as NULL. None: all.
        encode: Encodes records at once where that can be.

    Raises:
        OperatorError: The file cannot be read, is empty or no text, its header cannot be read, or
            the rules cannot be used.
    """

    suffix = ""

    def __init__(self, file: FileBytes, rules: CsvRules, max_line_bytes: int) -> None:
        self._rules = checked_rules(rules, file.name)
        self._text = TextFile(file, rules.encoding, max_line_bytes)
        self._name = file.name
        self.wanted: frozenset[str] | None = None
        self.encode: CsvEncoder | None = None
        self._layout = self._with_header() if rules.header else self._without_header()
        self.names = self._layout.names
        self.head = self._layout.head
        self.schema = pa.schema(
            [REC, *(pa.field(name, pa.string()) for name in column_names(self.names))]
        )

    def blocks(self, notes: dict[str, int]) -> Iterator[RecordBlock]:
        """Yield the blocks; see `RecordTable`."""
        one = CsvPass(self._rules, self._text, self.schema, self.wanted, notes, encode=self.encode)
        yield from one.blocks(from_line(self._text.parts(), self._layout.skip + 1))

    def _with_header(self) -> _Layout:
        where = f"cannot read {self._name}"
        rows: list[Row | Broken | LongLine] = []
        for found in self._beginning(1):
            rows = found
            if rows:
                break
        if not rows:
            raise OperatorError(f"{where}: it has no header, and no records")
        header = rows[0]
        if isinstance(header, LongLine):
            bound = self._text.max_line_bytes
            raise OperatorError(
                f"{where}, line {header.line}: the header is over {bound} bytes (max_line_bytes)"
            )
        if isinstance(header, Broken):
            raise OperatorError(f"{where}, line {header.line}: in the header, {header.detail}")
        try:
            "".join(header.cells).encode()
        except UnicodeEncodeError:
            raise OperatorError(
                f"{where}, line {header.line}: the header is not UTF-8: name its encoding, such as"
                " csv($path, encoding := 'windows-1252')"
            ) from None
        skip = header.line - 1 + len(lines_of(header.text))
        return _Layout(header.cells, self._head(header.text), skip)

    def _without_header(self) -> _Layout:
        for found in self._beginning(_FIRST_RECORDS):
            widths = Counter(len(row.cells) for row in found if isinstance(row, Row))
            if widths:
                count = max(widths) if self._rules.ragged else widths.most_common(1)[0][0]
                return _Layout([""] * count, self._head(b""), self._rules.skip)
        return _Layout([], b"", self._rules.skip)

    def _beginning(self, most: int) -> Iterator[list[Row | Broken | LongLine]]:
        """Yield the first records of each block, at most `most` of each."""
        cutter = Cutter(self._rules, None)
        held = b""
        number = 0
        for part in from_line(self._text.parts(), self._rules.skip + 1):
            if isinstance(part, LongLine):
                found, _ = cutter.cut(lines_of(held), number, at_end=True, most=most)
                held = b""
                yield [*found, part]
                continue
            number = part.first_line - held.count(b"\n")
            texts = lines_of(held + part.data)
            found, rest = cutter.cut(texts, number, at_end=False, most=most)
            held = b"".join(rest)
            number += len(texts) - len(rest)
            yield list(found)
        yield list(cutter.cut(lines_of(held), number, at_end=True, most=most)[0])

    def _head(self, header: bytes) -> bytes:
        """Return skipped lines and the header; too many lines as empty ones."""
        count = self._rules.skip
        lines: list[bytes] = []
        size = 0
        for part in self._text.parts() if count else ():
            more = [b"\n"] if isinstance(part, LongLine) else lines_of(part.data)
            lines += more[: count - len(lines)]
            size = sum(map(len, lines))
            if len(lines) >= count or size > _HEAD_BYTES_MAX:
                break
        if size > _HEAD_BYTES_MAX:
            lines = [b"\n"] * count
        return self._text.mark + self._text.original(b"".join(lines) + header)
