"""CSV and its kin: pipe-separated head-end exports, tabs, with or without a header."""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain

import pyarrow as pa

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.ingest.file_kinds import FileKind
from utility_ts_analytics.ingest.mapping.mapper import Mapper
from utility_ts_analytics.ingest.mapping.model import FileMapping, plain_mapping
from utility_ts_analytics.ingest.sources.contract import Refused, SourceBlock
from utility_ts_analytics.ingest.sources.csv_rows import (
    CellRules,
    PlainRow,
    PlainRows,
    has_quotes,
    read_quickly,
)
from utility_ts_analytics.ingest.sources.file_pieces import FilePieces
from utility_ts_analytics.ingest.sources.in_pieces import ReadInPieces
from utility_ts_analytics.ingest.sources.raw import RawBlock, mapped
from utility_ts_analytics.ingest.sources.text_lines import TextBlock, TextLines
from utility_ts_analytics.records.streams import StreamSpec
from utility_ts_analytics.records.validation import RowError

_DELIMITERS: dict[str, str] = {"csv": ",", "psv": "|", "tsv": "\t"}

_PLAIN_LINES = 256
"""Lines that are read row by row where one of them is odd; none is within another's quotes."""


@dataclass(slots=True)
class _Layout:
    """What the header, or the mapping in its place, says."""

    mapper: Mapper
    rules: CellRules


class CsvSource(ReadInPieces):
    """One file of separated values.

    Args:
        pieces: The file.
        spec: The stream.
        mapping: None for a file whose header has the names of the fields.
        kind: One of `csv`, `psv` and `tsv`.
        line_bytes_max: Longest line and longest cell, bytes.
        stack: Closes the file.
    """

    def __init__(
        self,
        pieces: FilePieces,
        spec: StreamSpec,
        mapping: FileMapping | None,
        *,
        kind: FileKind,
        line_bytes_max: int,
        stack: ExitStack,
    ) -> None:
        super().__init__(pieces, stack)
        self.refused_kind: FileKind = kind
        self._spec = spec
        self._mapping = mapping
        self._file = (mapping or plain_mapping(spec.name, ())).file
        self._delimiter = self._file.delimiter or _DELIMITERS[kind]
        self._line_bytes_max = line_bytes_max
        self._notes: dict[str, int] = {}
        self._lines = TextLines(pieces, self._file, line_bytes_max, self._notes)

    @property
    def notes(self) -> Mapping[str, int]:
        """How often each rule decided something."""
        return self._notes

    def __iter__(self) -> Iterator[SourceBlock]:
        """Yield the blocks; see `contract.Source`."""
        blocks = iter(self._lines)
        layout, first = self._layout(blocks)
        for block in chain(first, blocks):
            yield from self._read(block, blocks, layout)

    def _read(
        self, block: TextBlock, blocks: Iterator[TextBlock], layout: _Layout
    ) -> Iterator[SourceBlock]:
        """Read a block quickly, or what of it can be, and the rest row by row."""
        batch = read_quickly(block, layout.rules)
        if batch is not None:
            texts = _LineTexts(block, self._lines.original)
            raw = RawBlock(batch, block.numbers, (), block.size_bytes, texts)
            yield mapped(raw, layout.mapper)
        elif len(block.numbers) > _PLAIN_LINES and not has_quotes(block, layout.rules):
            # One bad line in 5,000 made a file ten times as slow without this, measured.
            for half in block.halves():
                yield from self._read(half, blocks, layout)
        else:
            yield from self._plainly(block, blocks, layout)

    def _layout(self, blocks: Iterator[TextBlock]) -> tuple[_Layout, Sequence[TextBlock]]:
        """Read the header, if there is one; also return what of its block is behind it."""
        if not self._file.header:
            names = list(self._file.columns)
            return self._layout_of(names, f"{self.name}: file.columns of the mapping"), ()
        rules = CellRules(self._delimiter, self._file.quoted, 0, (), frozenset())
        for block in blocks:
            rows = PlainRows(block, blocks, rules, self._line_bytes_max)
            row = self._or_refused(rows, iter(rows))
            if row is not None:
                self.head = self._lines.original(row.text)
                where = f"{self.name}, line {row.line}: the header"
                return self._layout_of(row.cells, where), (rows.rest(),)
        raise OperatorError(f"cannot read {self.name}: it has no header, and no rows")

    def _layout_of(self, names: list[str], where: str) -> _Layout:
        mapping = self._mapping or own_mapping(self._spec, names)
        mapper = Mapper.of_file(mapping, self._spec, names, where)
        # What the lines and what the mapping left out stand in one account.
        mapper.notes.update(self._notes)
        self._notes = self._lines.notes = mapper.notes
        used = [(names.index(name), name) for name in mapper.used]
        null = frozenset(self._file.null)
        return _Layout(
            mapper, CellRules(self._delimiter, self._file.quoted, len(names), used, null)
        )

    def _plainly(
        self, block: TextBlock, blocks: Iterator[TextBlock], layout: _Layout
    ) -> Iterator[SourceBlock]:
        """Read a block row by row, and the next with it where a row goes over the border."""
        rows = PlainRows(block, blocks, layout.rules, self._line_bytes_max)
        good: list[PlainRow] = []
        refused: list[Refused] = []
        each = iter(rows)
        while (row := self._or_refused(rows, each)) is not None:
            error = self._error_of(row, layout)
            if error is None:
                good.append(row)
            else:
                refused.append(Refused(error, self._lines.original(row.text)))
        raw = RawBlock(
            _batch_of(good, layout.rules),
            [row.line for row in good],
            refused,
            rows.size_bytes,
            lambda index: self._lines.original(good[index].text),
        )
        yield mapped(raw, layout.mapper)

    def _or_refused(self, rows: PlainRows, each: Iterator[PlainRow]) -> PlainRow | None:
        try:
            return next(each, None)
        except csv.Error as error:
            raise OperatorError(f"cannot read {self.name}, line {rows.line}: {error}") from error

    def _error_of(self, row: PlainRow, layout: _Layout) -> RowError | None:
        """Return what is wrong with a row as such."""
        count = layout.rules.column_count
        if len(row.cells) != count:
            whose = "header" if self._file.header else "mapping"
            detail = f"the row has {len(row.cells)} cells, the {whose} {count}"
            return RowError(row.line, "missing-field", None, detail)
        for index, name in layout.rules.used:
            if not row.cells[index].isascii() and _has_surrogates(row.cells[index]):
                detail = "the text is not UTF-8: set file.encoding in a mapping"
                return RowError(row.line, "invalid-utf8", layout.mapper.field_of(name), detail)
        return None


def own_mapping(spec: StreamSpec, names: Sequence[str]) -> FileMapping:
    """Return the mapping of a file without one: columns with the names of fields.

    Required ones are always in it, so that a file without them is refused.
    """
    fields = [field for field in spec.fields if field in names or field in spec.required]
    return plain_mapping(spec.name, fields)


def _batch_of(rows: Sequence[PlainRow], rules: CellRules) -> pa.RecordBatch:
    columns = [
        [None if row.cells[index] in rules.null else row.cells[index] for row in rows]
        for index, _ in rules.used
    ]
    schema = rules.schema()
    arrays = [pa.array(column, pa.string()) for column in columns]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _has_surrogates(text: str) -> bool:
    return any("\ud800" <= letter <= "\udfff" for letter in text)


class _LineTexts:
    """Text of each line of a block, cut only if one is asked for."""

    def __init__(self, block: TextBlock, original: Callable[[bytes], bytes]) -> None:
        self._block = block
        self._original = original
        self._lines: list[bytes] = []

    def __call__(self, index: int) -> bytes:
        if not self._lines:
            self._lines = self._block.lines()
        return self._original(self._lines[index])
