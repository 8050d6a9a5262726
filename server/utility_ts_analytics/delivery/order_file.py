"""The shared file of a stream's order: a head of a few words, and a place for each lane.

Each word is written by one process, whole: it is 8 bytes at an address that 8 divides.
"""

import fcntl
import mmap
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

OLDEST, SENDING, DOUBT, COUNTED = range(4)
"""Words of a place that `delivery.order` explains. Times are monotonic seconds of this machine."""

_PID, _SESSION, _ID, _BEGAN = range(4, 8)
_SERVICE, _PLACES, _PENDING, _REUSES, _LEAVING, _LEAVING_ROWS = range(6)
"""Words of the head: an id of this service, places in use, rows in the spool, how often a place of
the dead was given to another lane, and the record that is taken off the spool with its rows."""

_WORD_BYTES: Final = 8
_PLACE_WORDS: Final = 8
_PLACE_BYTES: Final = _WORD_BYTES * _PLACE_WORDS
_PLACES_MAX: Final = 32_768
"""Twice 256 workers with 64 lanes each; the file is sparse."""

_FORGET_S: Final = 600.0
"""After so long a doubt that a dead process left is over, or every process has noted it."""


class OrderFile:
    """The file, mapped.

    Args:
        path: Made if it is not there; None keeps everything in this process.

    Attributes:
        ints: All words as whole numbers.
        times: The same words as seconds.
    """

    def __init__(self, path: Path | None) -> None:
        size_bytes = _PLACE_BYTES * (1 + _PLACES_MAX)
        self._file: int | None = None
        if path is None:
            self._map = mmap.mmap(-1, size_bytes)
        else:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.ftruncate(self._file, size_bytes)  # no change where it has that size already
            self._map = mmap.mmap(self._file, size_bytes)
        self.ints = memoryview(self._map).cast("q")
        self.times = memoryview(self._map).cast("d")

    @property
    def service_id(self) -> int:
        """What tells this service from those before it; not 0 once a lane has its place."""
        return self.ints[_SERVICE]

    @property
    def spooled_rows(self) -> int:
        """Rows of the stream that wait in the spool, of all workers."""
        return self.ints[_PENDING]

    @spooled_rows.setter
    def spooled_rows(self, rows: int) -> None:
        """Written by the holder of the spool's lock."""
        self.ints[_PENDING] = rows

    @property
    def leaving(self) -> tuple[int, int]:
        """The record that QuestDB has stored and that is not counted yet, and its rows; or 0, 0.

        Rows are negative where they were not counted as spooled either.
        """
        return self.ints[_LEAVING], self.ints[_LEAVING_ROWS]

    @leaving.setter
    def leaving(self, record: tuple[int, int]) -> None:
        """Written by the lane that delivers, right before and after it removes the record."""
        self.ints[_LEAVING] = 0
        self.ints[_LEAVING_ROWS] = record[1]
        self.ints[_LEAVING] = record[0]

    @property
    def reuses(self) -> int:
        """How often a place was given to another lane; after a change all are watched again."""
        return self.ints[_REUSES]

    def places(self) -> range:
        """Return the first word of each place in use."""
        return range(_PLACE_WORDS, (1 + self.ints[_PLACES]) * _PLACE_WORDS, _PLACE_WORDS)

    def take_place(self, now_s: float) -> int:
        """Return the first word of a place for a lane of this process, emptied.

        Args:
            now_s: Monotonic time, seconds.

        Raises:
            OSError: There is no room on the disk; a write into the map would end the process.
        """
        with self._locked():
            self._make_room(places=0)
            if self.ints[_SERVICE] == 0:
                self.ints[_SERVICE] = _random_id()
            place = self._free_place(now_s)
            for word in (OLDEST, SENDING, DOUBT, COUNTED):
                self.ints[place + word] = 0
            self.ints[place + _ID] = _random_id()
            self.ints[place + _SESSION] = os.getsid(0)
            self.ints[place + _BEGAN] = _began_of(os.getpid())
            self.ints[place + _PID] = os.getpid()
            number = place // _PLACE_WORDS
            if number > self.ints[_PLACES]:
                self.ints[_PLACES] = number
            else:
                self.ints[_REUSES] += 1
        return place

    def id_of(self, place: int) -> int:
        """Return what tells a lane from all others, >= 1."""
        return self.ints[place + _ID]

    def is_alive(self, place: int) -> bool:
        """Tell whether the process of a lane runs.

        Its id may be another's by now, also that of a thread in the same session.
        """
        pid = self.ints[place + _PID]
        try:
            if os.getsid(pid) != self.ints[place + _SESSION]:
                return False
        except ProcessLookupError:
            return False
        return _began_of(pid) == self.ints[place + _BEGAN]

    def counted_by_its_worker(self, origin: int, number: int) -> bool | None:
        """Tell whether the counts of this service have a spooled record.

        Args:
            origin: `LaneOrder.id` of the lane that spooled it, or `service_id`.
            number: Of the record.

        Returns:
            None if the lane is of an earlier service.
        """
        if origin == self.service_id:
            return True
        for place in self.places():
            if self.id_of(place) == origin:
                return self.ints[place + COUNTED] >= number or self.is_alive(place)
        return None

    def _free_place(self, now_s: float) -> int:
        """Return a place of a dead process that no lane waits for any more, or a new one."""
        past_s = max(0.0, now_s - _FORGET_S)
        if not self.spooled_rows:  # else `COUNTED` is needed
            for place in self.places():
                open_s = max(self.times[place + SENDING], self.times[place + DOUBT])
                if open_s <= past_s and not self.is_alive(place):
                    return place
        number = self.ints[_PLACES] + 1
        if number > _PLACES_MAX:
            raise AssertionError("more lanes than places")
        self._make_room(places=number)
        return number * _PLACE_WORDS

    def _make_room(self, *, places: int) -> None:
        if self._file is not None:
            os.posix_fallocate(self._file, 0, (1 + places) * _PLACE_BYTES)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        if self._file is None:
            yield
            return
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)


def _began_of(pid: int) -> int:
    """Return when a process began, in ticks since the machine did (proc(5)).

    0 where it has ended, also if only its parent does not know yet, and where there is no /proc.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] in "ZX" else int(fields[19])


def _random_id() -> int:
    return secrets.randbits(62) + 1
