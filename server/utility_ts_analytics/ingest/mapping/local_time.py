"""Times on the wall to instants, with a rule for the hour that comes twice and the one skipped."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.ingest.mapping.faults import Faults, Mask
from utility_ts_analytics.ingest.mapping.model import TimeSection
from utility_ts_analytics.ingest.mapping.zones import Micros, Zone
from utility_ts_analytics.ingest.notes import add_note

METERS_MAX = 250_000
"""Meters whose pass through a repeated hour is remembered: about 50 MB. Only rows of such hours
make an entry, so this is about meters per file, not rows."""

Key = tuple[str | None, ...]


@dataclass(slots=True)
class LocalTimes:
    """The rules of one file. Remembers, for "order", where each meter is in a repeated hour.

    Attributes:
        zone: Of the wall clock.
        rules: `repeated_hour` and `missing_hour`.
        notes: Gets how often each decided.
    """

    zone: Zone
    rules: TimeSection
    notes: dict[str, int]
    _passes: dict[Key, tuple[int, int, int]] = field(default_factory=dict)

    def instants(self, wall: Micros, good: Mask, keys: "Keys", faults: Faults) -> Micros:
        """Return the UTC instant of each time.

        Args:
            wall: Microseconds since 1970 on the wall, in the order of the file.
            good: Which of them are times; what the others become means nothing.
            keys: Whose reading each row is, for "order".
            faults: Gets the rows that a rule refuses.

        Raises:
            OperatorError: More meters than `METERS_MAX` pass through repeated hours.
        """
        pieces = self.zone.piece_of(wall)
        offsets = self.zone.first[pieces]
        repeated = good & (offsets != self.zone.second[pieces])
        skipped = good & self.zone.skipped[pieces]
        if repeated.any():
            later = self._later(wall, pieces, repeated, keys, faults)
            offsets = np.where(later, self.zone.second[pieces], offsets)
        if skipped.any():
            # The offset before the change reads 02:15 as 03:15 of summer time.
            if self.rules.missing_hour == "shift":
                self._note("missing-hour-shifted", skipped)
            else:
                faults.add(skipped, "invalid-timestamp", "ts", _MISSING)
        return wall - offsets

    def _later(
        self, wall: Micros, pieces: Micros, repeated: Mask, keys: "Keys", faults: Faults
    ) -> Mask:
        """Return which times are in the second pass of their hour."""
        match self.rules.repeated_hour:
            case "refuse":
                faults.add(repeated, "invalid-timestamp", "ts", _REPEATED)
                return np.zeros_like(repeated)
            case "first":
                self._note("repeated-hour-first", repeated)
                return np.zeros_like(repeated)
            case "second":
                self._note("repeated-hour-second", repeated)
                return repeated
            case "order":
                return self._by_order(wall, pieces, repeated, keys, faults)

    def _by_order(
        self, wall: Micros, pieces: Micros, repeated: Mask, keys: "Keys", faults: Faults
    ) -> Mask:
        """Follow each meter: its clock going back, or standing, begins the second pass."""
        indices = np.flatnonzero(repeated)
        passes = np.zeros(len(wall), np.int8)
        for index, key in zip(indices.tolist(), keys.of_rows(indices), strict=True):
            piece, now = int(pieces[index]), int(wall[index])
            before = self._passes.get(key)
            number = 0
            if before is not None and before[0] == piece:
                number = before[2] + (now <= before[1])
            elif before is None and len(self._passes) >= METERS_MAX:
                raise OperatorError(
                    f"more than {METERS_MAX} meters have readings in an hour that comes twice: set"
                    ' time.repeated_hour to "first", "second" or "refuse", or split the file'
                )
            self._passes[key] = (piece, now, number)
            passes[index] = number
        faults.add(passes > 1, "invalid-timestamp", "ts", _THIRD)
        self._note("repeated-hour-first", repeated & (passes == 0))
        self._note("repeated-hour-second", repeated & (passes == 1))
        second: Mask = passes == 1
        return second

    def _note(self, name: str, rows: Mask) -> None:
        add_note(self.notes, name, int(rows.sum()))


_REPEATED = (
    "ts is in the hour that comes twice when summer time ends: set time.repeated_hour in the"
    " mapping"
)
_MISSING = (
    "ts is in the hour that the clock skips when summer time begins: set time.missing_hour in the"
    " mapping, or check time.zone"
)
_THIRD = "ts is in the hour that comes twice, and the meter's clock went back in it twice"


@dataclass(frozen=True, slots=True)
class Keys:
    """Whose reading each row is: the business key but for `ts`, a column each."""

    columns: Sequence[pa.Array]

    def of_rows(self, indices: npt.NDArray[np.intp]) -> list[Key]:
        """Return the key of each of some rows."""
        parts = [column.take(pa.array(indices)).to_pylist() for column in self.columns]
        return list(zip(*parts, strict=True)) if parts else [()] * len(indices)
