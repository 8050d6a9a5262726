"""Files read through a mapping as pieces."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.mapping.engine import Selection
from utility_ts_analytics.files.mapping.output import Output
from utility_ts_analytics.files.pieces import START, Place, Refused
from utility_ts_analytics.files.sources.column_pieces import ColumnFile, ColumnPiece, ColumnRules
from utility_ts_analytics.files.sources.row_batch import Recs, RowBatch
from utility_ts_analytics.files.tables.contract import RecordTable
from utility_ts_analytics.files.tables.file_bytes import FileBytes
from utility_ts_analytics.files.tables.lines_table import empty_batch
from utility_ts_analytics.files.tables.locator import NOWHERE, Located, Locator


class MappedFile(ColumnFile):
    """One file read through a mapping, from a place on.

    Args:
        selection: The open query; closed with this.
        file: The file.
        sources: Names of the file's columns by the field that the mapping makes of them.
        open_table: Opens its table again, to find refused records; None where it has no table.
        rules: How its columns are checked and encoded.
        start: Where to begin: the place of a piece of an earlier run over the same file.
    """

    def __init__(
        self,
        selection: Selection,
        file: FileBytes,
        sources: Mapping[str, Sequence[str]],
        open_table: Callable[[], RecordTable] | None,
        *,
        rules: ColumnRules,
        start: Place = START,
    ) -> None:
        super().__init__(file, rules, start)
        self._stack.callback(selection.close)
        self._selection = selection
        self._sources = sources
        self._output = Output.of_mapping(selection.schema, rules.spec, file.name)
        self._locator = None if open_table is None else Locator(open_table)
        self._rows = 0
        self._records = 0
        self._last_rec = -1
        self._rises = True
        self._repeats = False
        self._left_out: int | None = None
        selection.budget = self._budget

    @property
    def order_known(self) -> bool:
        """Whether rows come in an order that is the file's, or asked for; known at the end."""
        match self._selection.order:
            case "own":
                # What DuckDB joins beyond its memory comes in another order than the plan says.
                return self._rises
            case "sorted":
                return not self._repeats  # rows of one record come in any order
            case order:
                return order == "file"

    @property
    def resumable(self) -> bool:
        """Whether the mapping keeps the order of the file and gives `rec`."""
        return self._selection.keeps_order and self._output.rec_index is not None

    @property
    def head(self) -> bytes:
        """What a file of its refused records begins with."""
        tables = self._selection.tables
        return tables[0].head if tables else b""

    @property
    def notes(self) -> Mapping[str, int]:
        """What was left out or decided so far."""
        notes = dict(self._selection.notes)
        if self._left_out:
            notes["records-left-out"] = self._left_out
        return notes

    def interrupt(self) -> None:
        """End the query."""
        self._selection.interrupt()

    def __iter__(self) -> Iterator[ColumnPiece]:
        """Yield the pieces in order; see `PieceSource`."""
        held: tuple[pa.RecordBatch, Recs] | None = None
        failure: OperatorError | None = None
        batches = self._selection.batches()
        while failure is None:
            try:
                batch = next(batches, None)
            except OperatorError as error:
                batch, failure = None, error
            if batch is None:
                break
            recs = self._numbers(batch)
            if not len(recs):
                continue
            if held is not None:
                # A record may be many rows: a place is only between two records.
                yield from self._mapped(*held, whole=bool(recs[0] > held[1][-1]))
            held = batch, recs
        if held is not None:
            yield from self._mapped(*held, whole=failure is None, at_end=failure is None)
        # Where the file cannot be read on, the first refused records may say why.
        yield from self._refusals(first=self._last_rec, up_to=None, whole=failure is None)
        if failure is not None:
            raise failure
        if self._rises and self._output.rec_index is not None:
            # A mapping that numbers its rows itself may have more than the table has records.
            left = self._selection.records - self._records - self._selection.refused_count
            self._left_out = max(0, left)

    def _mapped(
        self, batch: pa.RecordBatch, recs: Recs, *, whole: bool, at_end: bool = False
    ) -> Iterator[ColumnPiece]:
        first, last = int(recs[0]), int(recs[-1])
        up_to = None if at_end or not self.resumable else last
        refused = self._selection.take_refused(up_to)
        while self._selection.refused_waiting(up_to):
            yield from self._refused_piece(refused, whole=refused[-1].rec < first)
            refused = self._selection.take_refused(up_to)
        raw: Mapping[int, bytes] = {}
        if self._output.raw_index is not None:
            raw = _Raw(recs, batch.column(self._output.raw_index), self._selection.encoding)
        part = RowBatch(
            self._output.readings(batch), recs, self._fresh(refused), self._find, self._sources, raw
        )
        next_line = max([last, *(one.rec for one in refused[-1:])]) + 1
        piece = self.piece(part, next_line if whole and self.resumable else None)
        if piece is not None:
            yield piece
            self.check_budget()

    def _refusals(self, *, first: int, up_to: int | None, whole: bool) -> Iterator[ColumnPiece]:
        """Yield the records that could not be read, behind all rows."""
        while refused := self._selection.take_refused(up_to):
            yield from self._refused_piece(refused, whole=whole and refused[0].rec > first)

    def _refused_piece(self, refused: Sequence[Refused], *, whole: bool) -> Iterator[ColumnPiece]:
        next_line = refused[-1].rec + 1
        refused = self._fresh(refused)
        if refused:
            yield self.made(
                empty_batch(self._output.schema),
                np.array([], np.int64),
                refused,
                days=frozenset(),
                next_line=next_line if whole and self.resumable else None,
                find=self._find,
            )
            self.check_budget()

    def _fresh(self, refused: Sequence[Refused]) -> list[Refused]:
        return [one for one in refused if one.rec >= self._first]

    def _numbers(self, batch: pa.RecordBatch) -> Recs:
        """Return the number of the record of each row.

        Raises:
            OperatorError: A number is NULL, or they fall where the order of the file is kept.
        """
        index = self._output.rec_index
        if index is None:
            recs = np.arange(self._rows + 1, self._rows + batch.num_rows + 1)
            self._rows += batch.num_rows
            return recs
        column = batch.column(index)
        if column.null_count:
            raise OperatorError(f"cannot read {self._file.name} by the mapping: rec is NULL")
        recs = np.asarray(column.cast(pa.int64()).to_numpy(zero_copy_only=False), np.int64)
        if len(recs):
            steps = np.diff(recs, prepend=self._last_rec)
            self._repeats |= bool((steps == 0).any())
            if (steps < 0).any():
                self._rises = False
                if self.resumable:
                    raise OperatorError(
                        f"cannot read {self._file.name} by the mapping: rec falls: it must be the"
                        " number of the record"
                    )
            self._records += int((steps > 0).sum())
            self._last_rec = int(recs[-1])
        return recs

    def _find(self, rec: int) -> Located:
        if self._locator is None or self._output.rec_index is None:
            return NOWHERE
        return self._locator.find(rec)


class _Raw(dict[int, bytes]):
    """Texts of records as the mapping gives them, looked up by number on demand."""

    def __init__(self, recs: Recs, texts: pa.Array, encoding: str) -> None:
        super().__init__()
        self._recs = recs
        self._texts = texts
        self._encoding = encoding

    def get(self, rec: int, default: bytes = b"") -> bytes:  # type: ignore[override]
        """Return a record, newline included."""
        text = self._texts[int(np.flatnonzero(self._recs == rec)[0])].as_py()
        return (
            default
            if text is None
            else str(text).encode(self._encoding, "replace").rstrip(b"\r\n") + b"\n"
        )
