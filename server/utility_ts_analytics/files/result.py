"""The result of a load: counts, first errors and state of each input. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from utility_ts_analytics.files.inputs import Input
from utility_ts_analytics.files.pieces import Extent, Refused
from utility_ts_analytics.records.validation import PARSE_CODES

State = Literal["complete", "complete-before", "incomplete", "failed"]

ERRORS_LISTED_MAX: Final = 20
"""Refused records listed per input; all are counted, and `--refused` keeps all."""

KEYS_COUNTED_MAX: Final = 1_000_000
"""Meters or plants counted per input: at most 100 MB of names."""


class Account:
    """Counts of one input, and its first refused records in the order of settlement.

    Attributes:
        lines: Records read: rows and refused ones.
        stored_rows: Rows known to be stored; in a dry run those that would be.
        counts: Refused records by code and field ("" where no field is at fault).
        errors: The first refused records.
        notes: What was left out or decided, and how often.
        first: Earliest `ts` of the extents that were added; None without.
        last: Latest `ts`.
    """

    def __init__(self) -> None:
        self.lines = 0
        self.stored_rows = 0
        self.counts: Counter[tuple[str, str]] = Counter()
        self.errors: list[Refused] = []
        self.notes: Mapping[str, int] = {}
        self.first: datetime | None = None
        self.last: datetime | None = None
        self._keys: set[str] = set()

    def refuse(self, records: Iterable[Refused]) -> None:
        """Count refused records."""
        for record in records:
            self.counts[record.code, record.field or ""] += 1
            if len(self.errors) < ERRORS_LISTED_MAX:
                self.errors.append(record)

    def span(self, extent: Extent) -> None:
        """Add the extent of some rows."""
        self.first = extent.first if self.first is None else min(self.first, extent.first)
        self.last = extent.last if self.last is None else max(self.last, extent.last)
        if len(self._keys) < KEYS_COUNTED_MAX:
            self._keys |= extent.keys

    @property
    def key_count(self) -> int | None:
        """Number of different meters or plants; None where there are too many to count."""
        return len(self._keys) if len(self._keys) < KEYS_COUNTED_MAX else None

    @property
    def refused_rows(self) -> int:
        """Number of refused records."""
        return self.counts.total()

    @property
    def parse_errors(self) -> int:
        """Number of lines that are no record."""
        return sum(count for (code, _), count in self.counts.items() if code in PARSE_CODES)

    @property
    def rejected(self) -> int:
        """Number of records that break a rule, or that the database refused."""
        return self.refused_rows - self.parse_errors

    def ranked_counts(self) -> list[tuple[tuple[str, str], int]]:
        """Return the counts, the highest first."""
        return sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))

    def counts_by_text(self) -> dict[str, int]:
        """Return the counts for a journal."""
        return {f"{code} {field}": count for (code, field), count in self.counts.items()}

    def take_counts(self, counts: Mapping[str, int]) -> None:
        """Add the counts of a journal."""
        for text, count in counts.items():
            code, _, field = text.partition(" ")
            self.counts[code, field] += count


@dataclass(frozen=True, slots=True)
class ReplacedRows:
    """Rows of one file that replace an earlier row of the load.

    Attributes:
        count: Rows whose predecessor of equal key has other values, >= 1.
        first: One sentence about the first of them.
        order_known: Whether the later row of the file is the one that is stored.
    """

    count: int
    first: str
    order_known: bool = True


@dataclass(frozen=True, slots=True)
class FileResult:
    """The result of one input.

    Attributes:
        input: The input.
        account: Its counts, those of interrupted runs included.
        state: `complete`: read to its end, every row settled. `complete-before`: the same, by an
            interrupted run. `incomplete`: the load ended first. `failed`: it cannot be read.
        problem: Why it is not complete.
        resumed_lines: Records that an interrupted run had settled.
        refused_path: File of its refused records; None without.
        replaced: Rows of it that replace others; None where there are none.
    """

    input: Input
    account: Account
    state: State
    problem: str | None = None
    resumed_lines: int = 0
    refused_path: Path | None = None
    replaced: ReplacedRows | None = None

    @property
    def complete(self) -> bool:
        """Whether every record is settled."""
        return self.state in ("complete", "complete-before")


@dataclass(frozen=True, slots=True)
class LoadResult:
    """The result of a load.

    Attributes:
        files: One result for each input that was begun, in order.
        stopped: Why the load ended early; None if it did not.
        notices: Further messages for the user, one line each.
        reader_stuck: Whether a thread still waits for standard input.
    """

    files: Sequence[FileResult]
    stopped: str | None = None
    notices: Sequence[str] = ()
    reader_stuck: bool = False

    @property
    def complete(self) -> bool:
        """Whether every input was read to its end."""
        return self.stopped is None and all(file.complete for file in self.files)

    @property
    def ok(self) -> bool:
        """Whether every record of every input is stored."""
        return self.complete and all(file.account.refused_rows == 0 for file in self.files)

    def may_replace(self, *, last_wins: bool) -> bool:
        """Return whether no row was replaced, or every one rightly.

        Args:
            last_wins: Whether the later of two rows with equal keys is the right one.
        """
        found = [file.replaced for file in self.files if file.replaced is not None]
        return not found or (last_wins and all(one.order_known for one in found))
