"""Rows of one day with a column per interval, as one record per interval.

A day on the wall has 23, 24 or 25 hours. Laid out by "elapsed" time, column n is the n-th interval
since local midnight, so that a quarter-hourly day fills 92, 96 or 100 columns; laid out by "clock",
column n is the n-th on the clock, and the rules of local time decide about the two odd hours.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from utility_ts_analytics.ingest.mapping.arrays import plain
from utility_ts_analytics.ingest.mapping.faults import Faults
from utility_ts_analytics.ingest.mapping.local_time import Keys
from utility_ts_analytics.ingest.mapping.model import FileMapping
from utility_ts_analytics.ingest.mapping.numbers import numbers_of
from utility_ts_analytics.ingest.mapping.time_texts import Times
from utility_ts_analytics.ingest.mapping.times import TimeReader
from utility_ts_analytics.ingest.mapping.zones import MICROS_PER_MINUTE, Micros
from utility_ts_analytics.ingest.notes import add_note

_DAY_MICROS = 1440 * MICROS_PER_MINUTE
Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class DayRecords:
    """The intervals of some days that have a value.

    Attributes:
        rows: Index of the day's row of each.
        ts: Start of each.
        field: What the values are.
        values: One each; null only where a fault says why.
        faults: Of the intervals.
    """

    rows: Indices
    ts: pa.Array
    field: str
    values: pa.Array
    faults: Faults


@dataclass(frozen=True, slots=True)
class WideDays:
    """Reads the days of one file.

    Attributes:
        mapping: With a `[wide]`.
        times: Reads the day of a row.
        names: The interval columns, in order.
        notes: Gets how many cells were empty, and how many days had another length than 24 hours.
    """

    mapping: FileMapping
    times: TimeReader
    names: Sequence[str]
    notes: dict[str, int]

    @property
    def field(self) -> str:
        """What the columns hold."""
        if self.mapping.wide is None:
            raise AssertionError("made for wide mappings only")
        return self.mapping.wide.field

    def read(self, batch: pa.RecordBatch, faults: Faults) -> DayRecords:
        """Return the intervals of the days in `batch`, day by day.

        An empty cell is no record, and counted; a day that is no date is a fault of its row, which
        then is one record.

        Args:
            batch: Rows of the file.
            faults: Gets the rows whose day cannot be read.
        """
        days, absent = self.times.parsed(batch, faults)
        faults.add(absent, "missing-field", "ts", "ts is required")
        cells, cell_faults = self._cells(batch)
        shape = (batch.num_rows, len(self.names))
        present = (cells.is_valid().to_numpy(zero_copy_only=False)) | ~cell_faults.kept(len(cells))
        present = present.reshape(shape)
        add_note(self.notes, "wide-cells-empty", int((~present[days.good]).sum()))
        # A row without a day is one record, so that its fault has a place.
        present[~days.good] = np.arange(shape[1]) == 0
        rows, columns = np.nonzero(present)
        time_faults = Faults()
        ts = self._starts(days, rows, columns, time_faults)
        ts = pa.array(ts, mask=~days.good[rows]).cast(pa.timestamp("us", tz="UTC"))
        flat = rows * shape[1] + columns
        values = cells.take(pa.array(flat))
        return DayRecords(
            rows, ts, self.field, values, time_faults.joined(cell_faults.of_rows(flat))
        )

    def _cells(self, batch: pa.RecordBatch) -> tuple[pa.Array, Faults]:
        """Return every cell's number, row by row, and the faults among them."""
        rule = self.mapping.fields[self.field]
        cells = pa.concat_arrays([plain(batch.column(name)) for name in self.names])
        by_column = Faults()
        numbers = numbers_of(cells, rule, self.field, by_column)
        order = np.arange(len(cells)).reshape(len(self.names), batch.num_rows).T.reshape(-1)
        return numbers.take(pa.array(order)), by_column.of_rows(order)

    def _starts(self, days: Times, rows: Indices, columns: Indices, faults: Faults) -> Micros:
        """Return the UTC start of each interval."""
        local = self.times.local
        if local is None:
            raise AssertionError("a wide mapping has a zone")
        step = (self.mapping.time.interval_minutes or 0) * MICROS_PER_MINUTE
        midnight = days.micros // _DAY_MICROS * _DAY_MICROS
        good = days.good[rows]
        if self.mapping.wide is not None and self.mapping.wide.day == "clock":
            faults.add(good & (columns * step >= _DAY_MICROS), "invalid-timestamp", "ts", _BEYOND)
            return local.instants(midnight[rows] + columns * step, good, Keys(()), faults)
        zone = local.zone
        # The first offset is right for a midnight that comes twice, and for one that is skipped.
        start = midnight - zone.first[zone.piece_of(midnight)]
        following = midnight + _DAY_MICROS
        end = following - zone.first[zone.piece_of(following)]
        length = end - start
        add_note(
            self.notes, "wide-days-under-24-hours", int((days.good & (length < _DAY_MICROS)).sum())
        )
        add_note(
            self.notes, "wide-days-over-24-hours", int((days.good & (length > _DAY_MICROS)).sum())
        )
        cut = days.good & (length > step * len(self.names))
        add_note(self.notes, "wide-days-with-too-few-columns", int(cut.sum()))
        faults.add(good & (columns * step >= length[rows]), "invalid-timestamp", "ts", _BEYOND)
        return start[rows] + columns * step


_BEYOND = "ts is past the end of its day, which has fewer intervals than the row has values"
