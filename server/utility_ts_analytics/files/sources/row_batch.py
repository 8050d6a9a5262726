"""A batch of rows as a mapping or a table gives it, and the refusals of its records."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from utility_ts_analytics.files.mapping.output import Readings, lost_value
from utility_ts_analytics.files.pieces import CELL_CHARACTERS_MAX, Refused
from utility_ts_analytics.files.tables.locator import Located
from utility_ts_analytics.records.columns import BrokenRow
from utility_ts_analytics.records.streams import StreamSpec

Recs = npt.NDArray[np.int64]

_CELLS_QUOTED_MAX: Final = 4


@dataclass(frozen=True, slots=True)
class RowBatch:
    """A batch of rows before the rules.

    Attributes:
        readings: The readings, and the rows that are none.
        recs: Number of the record of each row of the batch that was read.
        refused: Records that could not be read at all.
        find: Finds a record of the file by its number.
        sources: Names of the file's columns by the field that they make, where the mapping shows
            it.
        raw: Texts of records by their numbers, where the mapping gives them.
    """

    readings: Readings
    recs: Recs
    refused: Sequence[Refused]
    find: Callable[[int], Located]
    sources: Mapping[str, Sequence[str]] = field(default_factory=dict)
    raw: Mapping[int, bytes] = field(default_factory=dict)

    def refused_of(
        self, broken: Sequence[BrokenRow], recs: Recs, spec: StreamSpec, first: int
    ) -> list[Refused]:
        """Return the refused records with numbers from `first` on, sorted by number.

        Args:
            broken: Rows of the readings that break a rule.
            recs: Number of the record of each reading.
            spec: The stream.
            first: Lowest number.
        """
        faults = [(int(self.recs[one.row_index]), one) for one in self.readings.faults]
        breaks = [(int(recs[one.row_index]), one) for one in broken]
        numbers = {rec for rec, _ in faults} | {rec for rec, _ in breaks}
        # Sorted: `find` reads the file once more, and starts over for a record that it has passed.
        located = {rec: self.find(rec) for rec in sorted(numbers) if rec >= first}
        refused = [
            *self.refused,
            *(
                self._refusal(
                    rec,
                    located[rec],
                    Refused(rec, None, one.code, one.field, one.detail, one.cell),
                )
                for rec, one in faults
                if rec >= first
            ),
            *(self._broken(rec, located[rec], one, spec) for rec, one in breaks if rec >= first),
        ]
        refused.sort(key=lambda one: one.rec)
        return refused

    def _refusal(self, rec: int, found: Located, why: Refused) -> Refused:
        """Return a refusal with the text and the line of its record, where they are found.

        Where no cell is known to be at fault, the record is quoted.
        """
        text = self.raw.get(rec, found.text)
        cell = why.cell
        if cell is None and text:
            cell = text[: 4 * CELL_CHARACTERS_MAX].decode(errors="replace").strip()
        return replace(why, line=found.line, text=text, cell=cell and cell[:CELL_CHARACTERS_MAX])

    def _broken(self, rec: int, found: Located, broken: BrokenRow, spec: StreamSpec) -> Refused:
        """Return the refusal of a row that breaks a rule, with its value or the cells behind it."""
        name = broken.field
        code, detail, cell = broken.code, broken.detail, None
        if name is not None and broken.code != "missing-field":
            cell = _shown(self.readings.columns.column(name), broken.row_index)
        elif name is not None and self.sources.get(name):
            cells = [(one, found.cells.get(one)) for one in self.sources[name]]
            filled = [f"{one} {text}" for one, text in cells if text]
            if filled:
                code, detail = lost_value(name, spec)
                cell = ", ".join(filled[:_CELLS_QUOTED_MAX])[:CELL_CHARACTERS_MAX]
        return self._refusal(rec, found, Refused(rec, None, code, name, detail, cell))


def _shown(column: pa.Array, index: int) -> str | None:
    """Return a value of checked columns as text; None where it is NULL."""
    value = column[index]
    if pa.types.is_timestamp(column.type):
        # Python has no infinity of times, and no year 10000.
        value = column.slice(index, 1).cast(pa.string())[0]
    found = value.as_py()
    return None if found is None else str(found)[:CELL_CHARACTERS_MAX]
