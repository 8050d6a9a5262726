"""What was read of one request: counts, and the errors that its answer lists."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from utility_ts_analytics.reading.ndjson import Decoded
from utility_ts_analytics.records.validation import PARSE_CODES, RULE_CODES, RowCode, RowError

ERRORS_LISTED_MAX: Final = 100
"""Most errors that an answer lists (CONTRACT section 3); all are counted."""


class ReadSummary:
    """Counts over one request, and its first errors by position.

    Attributes:
        lines: Lines (or elements) that are not blank.
        valid_rows: Lines that were a valid record, stored or not.
        days: Days of the valid rows (`records.days`).
        counts: Errors by code; codes that did not occur are absent.
    """

    def __init__(self) -> None:
        self.lines = 0
        self.valid_rows = 0
        self.days: set[int] = set()
        self.counts: Counter[RowCode] = Counter()
        self._errors: list[RowError] = []

    def add(self, decoded: Decoded) -> None:
        """Count the result for some lines."""
        self.lines += decoded.line_count
        self.valid_rows += decoded.row_count
        self.days |= decoded.days
        self.add_errors(decoded.errors)

    def add_errors(self, errors: Sequence[RowError]) -> None:
        """Count errors of lines that `add` has counted, such as rows that the database refused.

        Args:
            errors: In any order; those with the lowest positions over all calls are listed.
        """
        if not errors:
            return
        self.counts.update(error.code for error in errors)
        if len(self._errors) == ERRORS_LISTED_MAX and self._errors[-1].position < min(
            map(_position, errors)
        ):
            return
        self._errors = sorted((*self._errors, *errors), key=_position)[:ERRORS_LISTED_MAX]

    @property
    def errors(self) -> Sequence[RowError]:
        """The first errors in order of position, at most `ERRORS_LISTED_MAX`."""
        return tuple(self._errors)

    @property
    def errors_truncated(self) -> bool:
        """Whether there were more errors than are listed."""
        return self.counts.total() > len(self._errors)

    @property
    def parse_errors(self) -> int:
        """Lines that are not a record."""
        return self._count(PARSE_CODES)

    @property
    def rejected(self) -> int:
        """Records that break a rule, or that the database refused."""
        return self._count(RULE_CODES)

    def _count(self, codes: frozenset[str]) -> int:
        return sum(count for code, count in self.counts.items() if code in codes)


def _position(error: RowError) -> int:
    return error.position
