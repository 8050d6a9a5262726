"""Files whose columns are named as the stream's fields, as pieces."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from utility_ts_analytics.files.mapping.output import Output
from utility_ts_analytics.files.pieces import START, Place
from utility_ts_analytics.files.sources.column_pieces import ColumnFile, ColumnPiece, ColumnRules
from utility_ts_analytics.files.sources.row_batch import Recs, RowBatch
from utility_ts_analytics.files.tables.contract import RecordBlock, RecordTable
from utility_ts_analytics.files.tables.file_bytes import FileBytes
from utility_ts_analytics.files.tables.locator import Located


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
            recs, encoded = block.batch.column("rec").to_numpy(), block.encoded
            last = max([0, *recs[-1:].tolist(), *(one.rec for one in block.refused[-1:])])
            if encoded is not None:
                last = max(last, int(encoded.recs[-1]))
            if not last:
                continue
            refused = [one for one in block.refused if one.rec >= self._first]

            part = RowBatch(self._output.readings(block.batch), recs, refused, _finder(block, recs))
            piece = self.piece(part, last + 1, encoded)
            if piece is not None:
                yield piece
                self.check_budget()


def _finder(block: RecordBlock, recs: Recs) -> Callable[[int], Located]:
    """Return what finds a record of a block by its number; it keeps no rows."""
    line_of, text_of = block.line_of, block.text_of
    first = None if block.encoded is None else block.encoded.first

    def find(rec: int) -> Located:
        index = int(np.searchsorted(recs, rec)) if first is None else rec - first
        return Located(line_of(index), text_of(index))

    return find
