"""Files of columns as pieces: checked and encoded without an object for each row.

The rows come from a mapping (`mapped_file`), or from a table whose columns are named as the fields
(`table_file`). To resume such a file behind a place, it is read again from its start and settled
rows are dropped: a row may depend on earlier ones, such as which of two equal hours came first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from utility_ts_analytics.buffering.block import Block, Settlement
from utility_ts_analytics.files.pieces import (
    ErrorBudget,
    Extent,
    PieceSource,
    Place,
    Refused,
    Versions,
)
from utility_ts_analytics.files.sources.row_batch import Recs, RowBatch
from utility_ts_analytics.files.tables.contract import EncodedRows
from utility_ts_analytics.files.tables.file_bytes import FileBytes
from utility_ts_analytics.files.tables.locator import Located
from utility_ts_analytics.records.column_buffers import versions_of_columns
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
        versions: Gets every batch of rows that keep the rules, in order; what is encoded at once
            has its versions.
        refused_max: Records of one file that may be refused; 0 sets no bound.
    """

    spec: StreamSpec
    allow_negative: bool
    ts_end: datetime
    encode: "Callable[[pa.RecordBatch], EncodedLines] | None"
    versions: "Versions[pa.RecordBatch | EncodedLines]"
    refused_max: int


class ColumnPiece:
    """Checked and encoded rows, and the refused records among them; a `Piece`."""

    __slots__ = ("_days", "_find", "_recs", "_rows", "_spec", "place", "refused")

    def __init__(
        self,
        rows: pa.RecordBatch | EncodedLines,
        recs: Recs,
        refused: Sequence[Refused],
        *,
        spec: StreamSpec,
        days: frozenset[int],
        place: Place | None,
        find: Callable[[int], Located],
    ) -> None:
        self.place = place
        self.refused = refused
        self._find = find
        self._recs = recs
        self._spec = spec
        self._days = days
        self._rows: pa.RecordBatch | EncodedLines | None = rows

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
        lines, self._rows = self._rows, None
        if isinstance(lines, EncodedLines):
            return Block(lines, self._recs.tolist(), lines.size_bytes, settlement, self._days)
        raise AssertionError("the lines of a piece are handed over once")

    def refusal(self, error: RowError) -> Refused:
        """Return the record of a row that the database refused."""
        found = self._find(error.position)
        return Refused(
            error.position, found.line, error.code, error.field, error.detail, None, found.text
        )

    def extent(self) -> Extent | None:
        """Return what the rows span, where they are not encoded."""
        batch = self._rows
        if not isinstance(batch, pa.RecordBatch) or not batch.num_rows:
            return None
        ends = pc.min_max(batch.column("ts")).as_py()
        keys = frozenset(pc.unique(batch.column(self._spec.key_field)).to_pylist())
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

    def piece(
        self, part: RowBatch, next_line: int | None, encoded: EncodedRows | None = None
    ) -> ColumnPiece | None:
        """Return some rows as a piece; None where an earlier run has settled all of them.

        Args:
            part: The rows.
            next_line: Number of the record behind them; None where more rows of their last record
                may follow, or reading cannot continue there.
            encoded: Rows of records between those of `part`.
        """
        rules = self._rules
        readings = part.readings
        checked = check_columns(
            readings.columns, rules.spec, allow_negative=rules.allow_negative, ts_end=rules.ts_end
        )
        recs = part.recs[readings.kept]
        rows: pa.RecordBatch | EncodedLines = checked.batch
        kept, days = recs[checked.kept], _days_of(checked.batch)
        if encoded is not None:
            rows, kept = self._merged(checked.batch, kept, encoded)
            days |= encoded.days
        rules.versions(rows, kept)
        if next_line is not None and next_line <= self._first:
            return None
        if self._first:
            done = int(np.searchsorted(kept, self._first))
            rows, kept = _behind(rows, done), kept[done:]
        refused = part.refused_of(checked.broken, recs, rules.spec, self._first)
        return self.made(rows, kept, refused, days=days, next_line=next_line, find=part.find)

    def _merged(
        self, batch: pa.RecordBatch, recs: Recs, encoded: EncodedRows
    ) -> tuple[EncodedLines, Recs]:
        """Return encoded rows and those of a batch in the order of their records."""
        if not batch.num_rows:
            return encoded.lines, encoded.recs
        encode = self._rules.encode
        if encode is None:
            raise AssertionError("rows of a block are encoded all or none")
        versions = versions_of_columns(batch, self._rules.spec)
        places = np.searchsorted(encoded.recs, recs)
        others = msgspec.structs.replace(encode(batch), versions=versions)
        lines = encoded.lines.merged(others, places.tolist())
        return lines, np.insert(encoded.recs, places, recs)

    def made(
        self,
        rows: pa.RecordBatch | EncodedLines,
        recs: Recs,
        refused: Sequence[Refused],
        *,
        days: frozenset[int],
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
        encode = self._rules.encode
        if encode is not None and len(recs) and not isinstance(rows, EncodedLines):
            rows = encode(rows)
        return ColumnPiece(
            rows, recs, refused, spec=self._rules.spec, days=days, place=place, find=find
        )

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


def _days_of(batch: pa.RecordBatch) -> frozenset[int]:
    """Return the days that checked columns lie on (`records.days`)."""
    if batch.num_rows == 0:
        return frozenset()
    return frozenset(pc.unique(batch.column("ts").cast(pa.date32())).cast(pa.int32()).to_pylist())


def _behind(rows: pa.RecordBatch | EncodedLines, done: int) -> pa.RecordBatch | EncodedLines:
    """Return all but the first `done` rows."""
    if isinstance(rows, EncodedLines):
        return rows.part(done, len(rows))
    return rows.slice(done)
