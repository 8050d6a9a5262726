"""Which rows of some columns are no records, and why: one reason each, the first found."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from utility_ts_analytics.records.validation import RowCode

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with some rows.

    Attributes:
        rows: True where it is.
        code: Of the closed set.
        field: Of the record.
        detail: One sentence without a value of the row.
    """

    rows: Mask
    code: RowCode
    field: str
    detail: str


class Faults:
    """Collects the faults of one batch of rows, in the order of the record's fields."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def __bool__(self) -> bool:
        return bool(self._faults)

    def add(self, rows: Mask, code: RowCode, field: str, detail: str) -> None:
        """Add a fault, if any row has it."""
        if rows.any():
            self._faults.append(Fault(rows, code, field, detail))

    def kept(self, row_count: int) -> Mask:
        """Return which of `row_count` rows have no fault."""
        kept = np.ones(row_count, np.bool_)
        for fault in self._faults:
            kept &= ~fault.rows
        return kept

    def of_row(self, index: int) -> Fault:
        """Return the first fault of a row that has one."""
        return next(fault for fault in self._faults if fault.rows[index])

    def joined(self, following: "Faults") -> "Faults":
        """Return these faults and, behind them, those of `following`; of the same rows."""
        both = Faults()
        both._faults = [*self._faults, *following._faults]
        return both

    def of_rows(self, rows: npt.NDArray[np.intp]) -> "Faults":
        """Return the faults of rows that are made of these, by their indices."""
        taken = Faults()
        for fault in self._faults:
            taken.add(fault.rows[rows], fault.code, fault.field, fault.detail)
        return taken
