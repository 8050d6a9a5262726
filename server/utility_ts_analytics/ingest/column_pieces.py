"""Files of all other kinds as pieces: columns, checked and encoded without a record per row.

Where such a file is to go on behind a place, it is read again from its start and its blocks are
dropped until there: what a rule depends on, such as which of two equal hours came first, is then
known as it was in the first run.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from utility_ts_analytics.buffering.block import Block, Settlement
from utility_ts_analytics.buffering.encoded import EncodedLines
from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.ingest.closing import ClosedAtExit
from utility_ts_analytics.ingest.pieces import START, Extent, Place, RefusedText
from utility_ts_analytics.ingest.sources.contract import Source, SourceBlock
from utility_ts_analytics.records.columns import Checked, check_columns, days_of_columns
from utility_ts_analytics.records.streams import StreamSpec
from utility_ts_analytics.records.validation import RowError

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class ColumnRules:
    """How the columns of every file of a load are checked and encoded.

    Attributes:
        spec: The stream.
        key_field: Names the meter or plant of a row.
        allow_negative: As the source of the stream is set.
        ts_end: First instant that is too late.
        encode: Returns the lines of checked columns; None where they are not to be sent.
    """

    spec: StreamSpec
    key_field: str
    allow_negative: bool
    ts_end: datetime
    encode: "Callable[[pa.RecordBatch], EncodedLines] | None"


class ColumnPiece:
    """A block of columns, checked and encoded; a `Piece`."""

    __slots__ = (
        "_checked",
        "_days",
        "_key_field",
        "_lines",
        "_positions",
        "_source",
        "place",
        "refused",
    )

    def __init__(self, source: SourceBlock, rules: ColumnRules, place: Place) -> None:
        checked = check_columns(
            source.columns,
            rules.spec,
            allow_negative=rules.allow_negative,
            ts_end=rules.ts_end,
        )
        self._source = source
        self._checked: Checked | None = checked
        self._key_field = rules.key_field
        self.place = place
        self._positions = source.positions
        if checked.broken:
            self._positions = [source.positions[index] for index in checked.kept.tolist()]
        self.refused: Sequence[RefusedText] = _refused(source, checked)
        self._lines: EncodedLines | None = None
        self._days = days_of_columns(checked.batch)
        if rules.encode is not None and checked.batch.num_rows:
            self._lines = rules.encode(checked.batch)
            self._checked = None  # the columns are not needed any more

    @property
    def row_count(self) -> int:
        """Rows that keep all rules."""
        return len(self._positions)

    @property
    def line_count(self) -> int:
        """Rows and refused lines."""
        return self._source.line_count

    @property
    def size_bytes(self) -> int:
        """Of the source that it came from."""
        return self._source.size_bytes

    def block(self, settlement: Settlement) -> Block:
        """Hand the lines over, once."""
        lines, self._lines = self._lines, None
        if lines is None:
            raise AssertionError("the lines of a piece are handed over once")
        return Block.encoded(lines, self._positions, lines.size_bytes, settlement, self._days)

    def text_of(self, position: int) -> bytes:
        """Return the text of the row at this position, the first of several."""
        return self._source.text_of(list(self._source.positions).index(position))

    def extent(self) -> Extent | None:
        """Return what the rows span."""
        if self._checked is None or not self._checked.batch.num_rows:
            return None
        batch = self._checked.batch
        ends = pc.min_max(batch.column("ts")).as_py()
        keys = frozenset(pc.unique(batch.column(self._key_field)).to_pylist())
        return Extent(ends["min"], ends["max"], keys)


class ColumnFile(ClosedAtExit):
    """One file of columns from a place on; a `PieceSource`.

    Args:
        source: Open; closed with this.
        rules: How its columns are checked and encoded.
        start: Where to begin: the place of a piece of an earlier run over the same file.
    """

    def __init__(self, source: Source, rules: ColumnRules, start: Place = START) -> None:
        super().__init__(ExitStack())
        self._source = self._stack.enter_context(source)
        self._rules = rules
        self._start = start

    @property
    def head(self) -> bytes:
        """What a file of refused rows begins with; known from the first piece on."""
        return self._source.head

    @property
    def bytes_read(self) -> int:
        """Of the file on disk, so far."""
        return self._source.bytes_read

    @property
    def notes(self) -> Mapping[str, int]:
        """How often each rule of the mapping was applied so far."""
        return self._source.notes

    def __iter__(self) -> Iterator[ColumnPiece]:
        """Yield the pieces in order; see `PieceSource`."""
        lines = 0
        for block in self._source:
            begins, lines = lines, lines + block.line_count
            if lines <= self._start.lines and block.line_count:
                continue
            if begins < self._start.lines:
                # Only another version of this program cuts an unchanged file elsewhere.
                raise OperatorError(
                    f"cannot go on with {self._source.name}: it is cut into other blocks than in"
                    " the interrupted run; load it with --restart"
                )
            yield ColumnPiece(block, self._rules, Place(lines, 0, None))


def _refused(source: SourceBlock, checked: Checked) -> list[RefusedText]:
    """Return what was refused by the reader and by the rules, in the order of the file."""
    refused = [RefusedText(line.error, line.text) for line in source.refused]
    for broken in checked.broken:
        error = RowError(
            source.positions[broken.row_index], broken.code, broken.field, broken.detail
        )
        refused.append(RefusedText(error, source.text_of(broken.row_index)))
    if source.refused and checked.broken:
        refused.sort(key=lambda line: line.error.position)
    return refused
