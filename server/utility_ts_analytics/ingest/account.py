"""What became of one input: counts, the first errors, what its rows span. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from utility_ts_analytics.ingest.pieces import Extent
from utility_ts_analytics.records.validation import PARSE_CODES, RowError

ERRORS_LISTED_MAX: Final = 20
"""Of one input; all are counted, and `--refused` keeps all."""

KEYS_COUNTED_MAX: Final = 1_000_000
"""Meters or plants that are told apart: 100 MB of names at most."""


class Account:
    """Counts of one input, and its first errors in the order in which they were settled.

    Attributes:
        lines: That were a row or refused.
        stored_rows: Rows known to be stored; in a dry run those that would be.
        counts: Refused rows by code and field ("" where no field is at fault).
        errors: The first refused rows.
        notes: How often each rule of the mapping was applied.
        first: Earliest `ts`, as far as extents were added.
        last: Latest `ts`.
    """

    def __init__(self) -> None:
        self.lines = 0
        self.stored_rows = 0
        self.counts: Counter[tuple[str, str]] = Counter()
        self.errors: list[RowError] = []
        self.notes: Mapping[str, int] = {}
        self.first: datetime | None = None
        self.last: datetime | None = None
        self._keys: set[str] = set()

    def refuse(self, errors: Iterable[RowError]) -> None:
        """Count refused rows."""
        for error in errors:
            self.counts[error.code, error.field or ""] += 1
            if len(self.errors) < ERRORS_LISTED_MAX:
                self.errors.append(error)

    def span(self, extent: Extent) -> None:
        """Take in what some rows span."""
        self.first = extent.first if self.first is None else min(self.first, extent.first)
        self.last = extent.last if self.last is None else max(self.last, extent.last)
        if len(self._keys) < KEYS_COUNTED_MAX:
            self._keys |= extent.keys

    @property
    def key_count(self) -> int | None:
        """Different meters or plants; None where there were too many to tell apart."""
        return len(self._keys) if len(self._keys) < KEYS_COUNTED_MAX else None

    @property
    def refused_rows(self) -> int:
        """All refused rows."""
        return self.counts.total()

    @property
    def parse_errors(self) -> int:
        """Lines that are no record."""
        return sum(count for (code, _), count in self.counts.items() if code in PARSE_CODES)

    @property
    def rejected(self) -> int:
        """Records that break a rule, or that the database refuses."""
        return self.refused_rows - self.parse_errors

    def ranked_counts(self) -> list[tuple[tuple[str, str], int]]:
        """Return the counts, the highest first."""
        return sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))

    def counts_by_text(self) -> dict[str, int]:
        """Return the counts for a journal."""
        return {f"{code} {field}": count for (code, field), count in self.counts.items()}

    def take_counts(self, counts: Mapping[str, int]) -> None:
        """Go on from the counts of a journal."""
        for text, count in counts.items():
            code, _, field = text.partition(" ")
            self.counts[code, field] += count
