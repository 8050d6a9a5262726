"""Files of columns as pieces: checked and encoded without an object for each row.

The rows come from a mapping, or from a table whose columns are named as the fields. To resume such
a file behind a place, it is read again from its start and settled rows are dropped: a row may
depend on earlier ones, such as which of two equal hours came first.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from utility_ts_analytics.buffering.block import Block, Settlement
from utility_ts_analytics.files.mapping.output import Output
from utility_ts_analytics.files.pieces import (
    START,
    ErrorBudget,
    Extent,
    PieceSource,
    Place,
    Refused,
    Versions,
)
from utility_ts_analytics.files.sources.row_batch import Recs, RowBatch
from utility_ts_analytics.files.tables.contract import RecordTable
from utility_ts_analytics.files.tables.file_bytes import FileBytes
from utility_ts_analytics.files.tables.locator import Located
from utility_ts_analytics.records.columns import check_columns
from utility_ts_analytics.records.encoded import EncodedLines
from utility_ts_analytics.records.streams import StreamSpec
from utility_ts_analytics.records.validation import RowError


@dataclass(frozen=True, slots=True)
class ColumnRules:
    """How the columns of every file of a load are checked and encoded.

    Attributes:
        spec: The stream.
        allow_negative: Setting of the stream's source.
        ts_end: First instant that is too late.
        encode: Returns the lines of checked columns; None in a dry run.
        versions: Gets every batch of rows that keep the rules, in order.
        refused_max: Records of one file that may be refused; 0 sets no bound.
    """

    spec: StreamSpec
    allow_negative: bool
    ts_end: datetime
    encode: "Callable[[pa.RecordBatch], EncodedLines] | None"
    versions: "Versions[pa.RecordBatch]"
    refused_max: int


class ColumnPiece:
    """Checked and encoded rows, and the refused records among them; a `Piece`."""

    __slots__ = ("_batch", "_days", "_find", "_lines", "_recs", "_spec", "place", "refused")

    def __init__(
        self,
        batch: pa.RecordBatch,
        recs: Recs,
        refused: Sequence[Refused],
        rules: ColumnRules,
        *,
        place: Place | None,
        find: Callable[[int], Located],
    ) -> None:
        self.place = place
        self.refused = refused
        self._find = find
        self._recs = recs
        self._spec = rules.spec
        self._days = _days_of(batch)
        self._batch: pa.RecordBatch | None = batch
        self._lines: EncodedLines | None = None
        if rules.encode is not None and batch.num_rows:
            self._lines = rules.encode(batch)
            self._batch = None  # frees the columns

    @property
    def row_count(self) -> int:
        """Rows that keep all rules."""
        return len(self._recs)

    @property
    def line_count(self) -> int:
        """Rows and refused records."""
        return len(self._recs) + len(self.refused)

    def block(self, settlement: Settlement) -> Block:
        """Return the lines as a block, once."""
        lines, self._lines = self._lines, None
        if lines is None:
            raise AssertionError("the lines of a piece are handed over once")
        return Block(lines, self._recs.tolist(), lines.size_bytes, settlement, self._days)

    def refusal(self, error: RowError) -> Refused:
        """Return the record of a row that the database refused."""
        found = self._find(error.position)
        return Refused(
            error.position, found.line, error.code, error.field, error.detail, None, found.text
        )

    def extent(self) -> Extent | None:
        """Return what the rows span."""
        if self._batch is None or not self._batch.num_rows:
            return None
        ends = pc.min_max(self._batch.column("ts")).as_py()
        keys = frozenset(pc.unique(self._batch.column(self._spec.key_field)).to_pylist())
        return Extent(ends["min"], ends["max"], keys)


class ColumnFile(PieceSource):
    """A file whose rows come as columns: checks and encodes them from a place on.

    Args:
        file: The file; closed with this.
        rules: How its columns are checked and encoded.
        start: Where to begin: the place of a piece of an earlier run over the same file.
    """

    def __init__(self, file: FileBytes, rules: ColumnRules, start: Place) -> None:
        super().__init__()
        self._stack.callback(file.close)
        self._file = file
        self._rules = rules
        self._start = start
        self._first = start.next_line if start.lines else 0
        self._lines = start.lines
        self._budget = ErrorBudget(rules.refused_max)
        self._over_budget = 0
        self._texted = (0, b"")

    @property
    def bytes_read(self) -> int:
        """Bytes read so far of the file on disk."""
        return self._file.bytes_read

    def piece(self, part: RowBatch, next_line: int | None) -> ColumnPiece | None:
        """Return some rows as a piece; None where an earlier run has settled all of them.

        Args:
            part: The rows.
            next_line: Number of the record behind them; None where more rows of their last record
                may follow, or reading cannot continue there.
        """
        rules = self._rules
        readings = part.readings
        checked = check_columns(
            readings.columns, rules.spec, allow_negative=rules.allow_negative, ts_end=rules.ts_end
        )
        recs = part.recs[readings.kept]
        batch, kept = checked.batch, recs[checked.kept]
        rules.versions(batch, kept)
        if next_line is not None and next_line <= self._first:
            return None
        if self._first:
            done = int(np.searchsorted(kept, self._first))
            batch, kept = batch.slice(done), kept[done:]
        refused = part.refused_of(checked.broken, recs, rules.spec, self._first)
        return self.made(batch, kept, refused, next_line=next_line, find=part.find)

    def made(
        self,
        batch: pa.RecordBatch,
        recs: Recs,
        refused: Sequence[Refused],
        *,
        next_line: int | None,
        find: Callable[[int], Located],
    ) -> ColumnPiece:
        """Return a piece with the refused records that the bound allows; see `check_budget`."""
        allowed = self._budget.allowed(len(refused))
        self._over_budget = len(refused) - allowed
        self._budget.take(allowed)
        refused = self._texts_once(refused[:allowed])
        self._lines += len(recs) + len(refused)
        place = None
        if next_line is not None and not self._over_budget:
            place = Place(self._lines, next_line)
        return ColumnPiece(batch, recs, refused, self._rules, place=place, find=find)

    def check_budget(self) -> None:
        """Check the bound of refused records behind a piece.

        Raises:
            OperatorError: The piece had more than it allows.
        """
        self._budget.check(self._over_budget)

    def _texts_once(self, refused: Sequence[Refused]) -> list[Refused]:
        """Keep the text of a record only in the first of its refusals."""
        found: list[Refused] = []
        for one in refused:
            record = one.rec, one.text  # a second table has its own numbers
            found.append(replace(one, text=b"") if record == self._texted else one)
            self._texted = record
        return found


class TableFile(ColumnFile):
    """One file whose columns are named as the stream's fields, from a place on.

    Args:
        table: The file as a table.
        file: The file.
        rules: How its columns are checked and encoded.
        start: Where to begin: the place of a piece of an earlier run over the same file.

    Raises:
        OperatorError: A required column is missing, or one is of a type that it must not be.
    """

    def __init__(
        self, table: RecordTable, file: FileBytes, rules: ColumnRules, start: Place = START
    ) -> None:
        super().__init__(file, rules, start)
        self._table = table
        self._output = Output.of_file(table.schema, rules.spec, file.name)
        if hasattr(table, "wanted"):
            table.wanted = frozenset(rules.spec.fields)
        self._notes: dict[str, int] = {}
        self._stopped = False

    @property
    def head(self) -> bytes:
        """What a file of its refused records begins with."""
        return self._table.head

    @property
    def notes(self) -> Mapping[str, int]:
        """What was decided or left out so far, and how often."""
        return self._notes

    def interrupt(self) -> None:
        """End the iteration behind its block."""
        self._stopped = True

    def __iter__(self) -> Iterator[ColumnPiece]:
        """Yield the pieces in order; see `PieceSource`."""
        for block in self._table.blocks(self._notes):
            if self._stopped:
                return
            recs = block.batch.column("rec").to_numpy()
            last = max([*recs[-1:].tolist(), *(one.rec for one in block.refused[-1:])], default=0)
            if not last:
                continue
            refused = [one for one in block.refused if one.rec >= self._first]

            def find(rec: int, recs: Recs = recs, block: object = block) -> Located:
                index = int(np.searchsorted(recs, rec))
                return Located(block.line_of(index), block.text_of(index))  # type: ignore[attr-defined]

            part = RowBatch(self._output.readings(block.batch), recs, refused, find)
            piece = self.piece(part, last + 1)
            if piece is not None:
                yield piece
                self.check_budget()


def _days_of(batch: pa.RecordBatch) -> frozenset[int]:
    """Return the days that checked columns lie on (`records.days`)."""
    if batch.num_rows == 0:
        return frozenset()
    return frozenset(pc.unique(batch.column("ts").cast(pa.date32())).cast(pa.int32()).to_pylist())
