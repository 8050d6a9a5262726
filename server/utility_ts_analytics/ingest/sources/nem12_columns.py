"""Days of NEM12 channels as columns of `meter_usage`: pairs of channels, ids, qualities."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from utility_ts_analytics.ingest.mapping.model import Nem12Section
from utility_ts_analytics.ingest.notes import add_note
from utility_ts_analytics.ingest.sources.contract import Refused, SourceBlock
from utility_ts_analytics.ingest.sources.nem12_days import Day
from utility_ts_analytics.records.columns import column_schema
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.records.validation import RowError

_DAYS_OF_BLOCK_MAX = 50
"""14,400 intervals of five minutes."""

_FIELDS = ("ts", "meter_id", "kwh", "premise_id", "kvarh", "quality_flag", "source_system")
_SCHEMA = pa.schema(
    [part for part in column_schema(STREAMS["meter_usage"]) if part.name in _FIELDS]
)


@dataclass(slots=True)
class DayColumns:
    """Makes columns of days.

    Attributes:
        rules: `[nem12]`.
        notes: Gets what was left out, paired and not kept.
        source_system: The participant that the header names.
    """

    rules: Nem12Section
    notes: dict[str, int]
    source_system: str = field(default="")

    def blocks(
        self, days: Sequence[Day], refused: Sequence[Refused], size_bytes: int
    ) -> Iterator[SourceBlock]:
        """Yield the days of one NMI as blocks.

        Args:
            days: In the order of the file.
            refused: Records that could not be read; they go with the first block.
            size_bytes: Of the file that all this came from.
        """
        active = self._paired(days)
        left = list(refused)
        starts = range(0, len(active), _DAYS_OF_BLOCK_MAX)
        for start in starts:
            block = self._block(active[start : start + _DAYS_OF_BLOCK_MAX], left, size_bytes)
            left, size_bytes = [], 0
            yield block
        if left or (size_bytes and not starts):
            yield self._block((), left, size_bytes)

    def _paired(self, days: Sequence[Day]) -> list[Day]:
        """Return the active days, with the values of their reactive ones."""
        active = {day.key: day for day in days if day.channel.quantity == "kwh"}
        for day in days:
            count = len(day.readings)
            if day.channel.quantity is None:
                add_note(self.notes, "nem12-values-of-other-units-left-out", count)
            elif day.channel.quantity == "kvarh":
                key = day.partner_key()
                partner = active.get(key) if key is not None else None
                if self.rules.reactive == "skip":
                    add_note(self.notes, "nem12-reactive-values-left-out", count)
                elif partner is None:
                    add_note(self.notes, "nem12-reactive-values-without-active-channel", count)
                else:
                    partner.kvarh = day.values()
                    partner.unread = partner.unread | day.unread
                    add_note(self.notes, "nem12-reactive-values-paired", count)
        return [day for day in days if day.channel.quantity == "kwh"]

    def _block(
        self, days: Sequence[Day], refused: Sequence[Refused], size_bytes: int
    ) -> SourceBlock:
        refused = list(refused)
        batches = [self._part(day, refused) for day in days]
        batch = pa.Table.from_batches(batches, _SCHEMA).combine_chunks()
        columns = (batch.to_batches() or [pa.RecordBatch.from_pylist([], _SCHEMA)])[0]
        rows = [part.num_rows for part in batches]
        of_day = np.repeat(np.arange(len(days)), rows)
        positions = np.repeat([day.line for day in days], rows).astype(int).tolist()
        refused.sort(key=lambda one: one.error.position)
        given: set[int] = set()

        def text_of(index: int) -> bytes:
            number = int(of_day[index])
            text = b"" if number in given else days[number].channel.text + days[number].text
            given.add(number)
            return text

        line_count = columns.num_rows + len(refused)
        return SourceBlock(columns, positions, refused, line_count, size_bytes, text_of)

    def _part(self, day: Day, refused: list[Refused]) -> pa.RecordBatch:
        """Return the intervals of a day that have a value."""
        kwh, methods = day.values(), day.flags()
        kept = ~np.isnan(kwh) & ~day.unread
        add_note(self.notes, "nem12-values-empty", int((np.isnan(kwh) & ~day.unread).sum()))
        if self.rules.null_reads == "skip":
            null = np.array([method.startswith("N") for method in methods], np.bool_)
            add_note(self.notes, "nem12-null-values-left-out", int((null & kept).sum()))
            kept &= ~null
        unsettled = sum(method.startswith("V") for method in methods)
        add_note(self.notes, "nem12-values-of-quality-v-without-400-record", unsettled)
        reasons = sum(bool(reading.event_code) for reading in day.readings)
        add_note(self.notes, "nem12-reason-codes-not-kept", reasons)
        self._refuse_unread(day, refused)
        return self._batch(day, kwh, methods, kept)

    def _refuse_unread(self, day: Day, refused: list[Refused]) -> None:
        text = day.channel.text + day.text
        for _ in range(int(day.unread.sum())):
            error = RowError(day.line, "invalid-number", "kwh", "kwh must be a finite number")
            refused.append(Refused(error, text))
            text = b""

    def _batch(
        self,
        day: Day,
        kwh: npt.NDArray[np.float64],
        methods: Sequence[str],
        kept: npt.NDArray[np.bool_],
    ) -> pa.RecordBatch:
        details = day.channel.details
        count = int(kept.sum())
        flags = [method if self.rules.quality == "method" else method[:1] for method in methods]
        serial = details.meter_serial_number.strip()
        owner = serial if self.rules.meter_id == "serial-suffix" and serial else details.nmi
        kvarh = day.kvarh if day.kvarh is not None else np.full(len(kwh), np.nan)
        system = self.rules.source_system or self.source_system or None
        columns = {
            "ts": pa.array(day.starts()[kept]).cast(pa.timestamp("us", tz="UTC")),
            "meter_id": pa.repeat(pa.scalar(f"{owner}-{details.nmi_suffix}"), count),
            "kwh": pa.array(kwh[kept]),
            "premise_id": pa.repeat(pa.scalar(details.nmi), count),
            "kvarh": pa.array(kvarh[kept], from_pandas=True),
            "quality_flag": pa.array(np.array(flags, object)[kept], pa.string()),
            "source_system": pa.repeat(pa.scalar(system, pa.string()), count),
        }
        return pa.RecordBatch.from_arrays([columns[part.name] for part in _SCHEMA], schema=_SCHEMA)
