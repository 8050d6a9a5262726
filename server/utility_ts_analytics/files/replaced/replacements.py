"""Finds rows of one load that replace an earlier row of it: equal key, other values.

The database keeps the row of a key that comes last. Within one load that is a fault of the file
more often than not (imports and exports under one meter number, a repeated hour), so it is counted.

Two hashes and the place of each row are held, 24 bytes (`records.row_versions`). Rows over a bound
are sorted and written to a temporary file as a run; all runs are compared at the end, a range of
keys at a time. A run keeps only the first and the last row of a key, so one key with any number of
rows takes at most two entries of it.

The counts are exact but for the chance that two hashes are equal (one in 3,700 that any of 100
million keys is taken for another), and as long as there is room on the disk.

Measured on two cores with rows in blocks of 8,192 and the default bound; CPU per row in `add` and
in `finish`, memory over what the process had before, size of the file:

- 20 million rows of different keys: 0.04 and 0.03 us (0.7 s at the end), 32 MiB, 475 MB.
- The same, every key twice with other values: 0.04 and 0.12 us, 35 MiB, 475 MB.
- 20 million rows of two keys: 0.09 and 0 us, 29 MiB, no file.
- 100 million rows of different keys: 0.04 and 0.035 us (3.4 s at the end), 38 MiB, 2.4 GB.
"""

import struct
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from utility_ts_analytics.files.replaced.sorted_runs import (
    RANGE_BITS,
    Entries,
    SortedRuns,
    stable_order,
)
from utility_ts_analytics.records.row_versions import VERSION_BYTES

if TYPE_CHECKING:
    from utility_ts_analytics.files.pieces import Numbers

MEMORY_BYTES: Final = 32 * 1024 * 1024
"""Default bound: for 233,000 rows at once. Twice as much makes it no faster, as sorting leaves the
processor's caches."""

POSITION_END: Final = 1 << 42
FILES_END: Final = 1 << (64 - 42)
"""A place is one integer of 64 bits: the number of the file above that of the record."""

_HELD_ROW_BYTES: Final = 144
"""Of a held row, with everything that is made of it while rows are sorted and compared, the case
that every one of them replaces another included (measured)."""

_POSITION_BITS: Final = np.uint64(42)
_RANGE_SHIFT: Final = np.uint64(RANGE_BITS)
_RANGE_BACK: Final = np.uint64(64 - RANGE_BITS)

_Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class VersionPlace:
    """Where one row stands.

    Attributes:
        file_number: Number of its file, as given to `Replacements.add`.
        position: Number of its record in that file, as given to `Replacements.add`.
        version: Its two hashes, which tell it from other rows of the same record.
    """

    file_number: int
    position: int
    version: bytes


@dataclass(frozen=True, slots=True)
class Replacement:
    """Two rows of equal key and other values, with no row of that key added between them."""

    earlier: VersionPlace
    later: VersionPlace


@dataclass(frozen=True, slots=True)
class FileReplacements:
    """Rows of one file that replace others, of that file or of one added before.

    Attributes:
        count: Rows whose predecessor of equal key has other values, >= 1.
        first: The row with the lowest position of these.
    """

    count: int
    first: Replacement


@dataclass(frozen=True, slots=True)
class ReplacementCounts:
    """All that was found.

    Attributes:
        by_file: Counts by the number of the file; files without such rows are left out.
        incomplete: None where the counts are complete; else why rows far apart could not be
            compared, so that there may be more.
    """

    by_file: Mapping[int, FileReplacements]
    incomplete: str | None


class Replacements:
    """Compares the rows of one load as they come. One thread at a time; most of it without the GIL.

    Args:
        memory_bytes: Bound of the memory for rows and for sorting them. Each run takes 16 KiB more,
            7 MiB for 100 million rows at the default; over 950 million rows (23 GB on the disk) the
            bound grows in proportion.
        folder: Folder for the temporary file, which is made once the bound is reached; None is that
            of the system (`TMPDIR`).
    """

    def __init__(self, memory_bytes: int = MEMORY_BYTES, folder: Path | None = None) -> None:
        self._folder = folder
        # Pages that no row has reached take no memory.
        self._held = np.empty((max(memory_bytes // _HELD_ROW_BYTES, 2), 3), dtype=np.uint64)
        self._held_count = 0
        self._runs: SortedRuns | None = None
        self._files: dict[int, FileReplacements] = {}
        self._incomplete: str | None = None

    @property
    def disk_bytes(self) -> int:
        """Size of the temporary file."""
        return 0 if self._runs is None else self._runs.size_bytes

    def add(self, versions: bytes, file_number: int, positions: "Numbers") -> None:
        """Take the next rows.

        Args:
            versions: As `records.row_versions` gives them, in the order in which the rows are sent.
            file_number: Of the file, from 0 and under 4 million.
            positions: Number of each row's record or line in that file, 0 to 4 trillion. Need not
                rise, and several rows may have the same.
        """
        places = _places(file_number, positions)
        pairs = np.frombuffer(versions, dtype=np.uint64).reshape(-1, VERSION_BYTES // 8)
        if len(pairs) != len(places):
            raise AssertionError("every row has a position")
        while len(places):
            start, end = self._held_count, min(self._held_count + len(places), len(self._held))
            count = end - start
            self._held[start:end, :2] = pairs[:count]
            self._held[start:end, 2] = places[:count]
            pairs, places = pairs[count:], places[count:]
            self._held_count = end
            if end == len(self._held):
                self._put_away()

    def finish(self) -> ReplacementCounts:
        """Compare the rows that are left, free everything, and return what was found; once."""
        if self._runs is None:
            self._compare_held()
        else:
            self._put_away()
        try:
            if self._runs is not None:
                self._compare_runs(self._runs)
        except OSError as error:
            self._give_up(error)
        self.close()
        return ReplacementCounts(self._files, self._incomplete)

    def close(self) -> None:
        """Free memory and disk. Idempotent."""
        self._held, self._held_count = self._held[:0], 0
        if self._runs is not None:
            self._runs.close()
            self._runs = None

    def _put_away(self) -> None:
        """Compare the held rows with each other, and write them to the disk."""
        run = self._compare_held()
        if self._incomplete is not None:
            return
        try:
            if self._runs is None:
                self._runs = SortedRuns(self._folder)
            self._runs.add(run)
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        """Stop using the disk. Rows that are held together are still compared."""
        folder = self._folder or tempfile.tempdir or "a temporary folder"
        self._incomplete = (
            f"cannot keep rows in {folder} to compare them: {error.strerror or error};"
            " make room there, or set TMPDIR"
        )
        if self._runs is not None:
            self._runs.close()
            self._runs = None

    def _compare_held(self) -> Entries:
        """Enter what is found among the held rows; return the ends of each key, sorted by key."""
        held = self._held[: self._held_count]
        self._held_count = 0
        entries = held.take(stable_order(held[:, 0].copy()), axis=0)
        if len(entries) == 0:
            return entries
        keys, contents = entries[:, 0], entries[:, 1]
        same_key = keys[1:] == keys[:-1]
        changed = same_key & (contents[1:] != contents[:-1])
        self._enter(entries, np.flatnonzero(changed))
        between = same_key[1:] & same_key[:-1]  # neither the first nor the last row of its key
        if not between.any():
            return entries
        kept = np.ones(len(entries), dtype=np.bool_)
        kept[1:-1] = ~between
        return entries[kept]

    def _compare_runs(self, runs: SortedRuns) -> None:
        """Enter what is found among rows of different runs."""
        for part in runs.parts(self._held):
            keys = part.entries[:, 0]
            # All of a part have nearly the same high bits: sort by the others first.
            order = stable_order(keys << _RANGE_SHIFT | keys >> _RANGE_BACK)
            entries = part.entries.take(order, axis=0)
            run_numbers = np.repeat(
                np.arange(len(part.run_sizes), dtype=np.uint32), part.run_sizes
            )[order]
            keys, contents = entries[:, 0], entries[:, 1]
            changed = keys[1:] == keys[:-1]
            changed &= contents[1:] != contents[:-1]
            changed &= run_numbers[1:] != run_numbers[:-1]
            self._enter(entries, np.flatnonzero(changed))

    def _enter(self, entries: Entries, earlier: _Indices) -> None:
        """Count pairs of neighbours, given by the index of the first of each."""
        if len(earlier) == 0:
            return
        later_places, earlier_places = entries[earlier + 1, 2], entries[earlier, 2]
        order = np.lexsort((entries[earlier, 0], earlier_places, later_places))
        file_numbers = later_places[order] >> _POSITION_BITS
        numbers, firsts, counts = np.unique(file_numbers, return_index=True, return_counts=True)
        for number, first, count in zip(
            numbers.tolist(), firsts.tolist(), counts.tolist(), strict=True
        ):
            index = int(earlier[order[first]])
            found = Replacement(_row(entries, index), _row(entries, index + 1))
            known = self._files.get(number)
            if known is not None:
                found = min(known.first, found, key=_rank)
                count += known.count
            self._files[number] = FileReplacements(count, found)


def _places(file_number: int, positions: "Numbers") -> npt.NDArray[np.uint64]:
    if isinstance(positions, range):
        numbers = np.arange(positions.start, positions.stop, positions.step, dtype=np.int64)
    else:
        numbers = np.asarray(positions, dtype=np.int64)
    if len(numbers) and (numbers.min() < 0 or numbers.max() >= POSITION_END):
        raise AssertionError("a position is out of range")
    if not 0 <= file_number < FILES_END:
        raise AssertionError("a number of a file is out of range")
    places = numbers.astype(np.uint64)
    places |= np.uint64(file_number << 42)
    return places


def _row(entries: Entries, index: int) -> VersionPlace:
    key, content, place = entries[index].tolist()
    file_number, position = divmod(place, POSITION_END)
    return VersionPlace(file_number, position, struct.pack("=2Q", key, content))


def _rank(found: Replacement) -> tuple[int, ...]:
    later, earlier = found.later, found.earlier
    key = int.from_bytes(later.version[:8], sys.byteorder)
    return (later.file_number, later.position, earlier.file_number, earlier.position, key)
