"""What a lane tells others about its work, for counters and logs."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol


class LaneObserver(Protocol):
    """Told what a lane does, once per batch or attempt, never per row. Must not raise or wait.

    Told of the end of rows in the same step in which they leave the queue or the spool, so that
    nobody ever sees rows that are nowhere. `sink` is a `Sink.name`.
    """

    def delivered(self, rows: int, seconds: float, *, sink: str) -> None:
        """`rows` are stored; it took `seconds` from the first attempt to the acknowledgement."""

    def retried(self, reason: str, *, sink: str) -> None:
        """An attempt failed and is repeated. `reason` is a `FailureCode` or `in-doubt`."""

    def failed(self, rows: int, reason: str) -> None:
        """`rows` were given back unstored, for good. `reason` is a `FailureCode`."""

    def rejected(self, rows: int) -> None:
        """The database refused `rows` for good."""

    def spooled(self, rows: int) -> None:
        """`rows` are on this machine's disk, to be stored later; then `delivered` counts them."""

    def recovered(self, rows: int) -> None:
        """`rows` in the spool were in nobody's books: of a service before, or of a dead worker."""

    def left_spool(self, rows: int) -> None:
        """`rows` of the spool have an end; which one, is told next."""

    def lost(self, rows: int) -> None:
        """`rows` that were in the spool cannot be read any more."""

    def dead_letter(self, *, kept: bool) -> None:
        """A row that is about to be rejected was written to the dead letters, or could not be."""

    def fell_back(self, *, active: bool) -> None:
        """The lane goes by the second choice from now on, or by the first one again."""


class SilentObserver:
    """Takes no notice."""

    def delivered(self, rows: int, seconds: float, *, sink: str) -> None:
        """Do nothing."""

    def retried(self, reason: str, *, sink: str) -> None:
        """Do nothing."""

    def failed(self, rows: int, reason: str) -> None:
        """Do nothing."""

    def rejected(self, rows: int) -> None:
        """Do nothing."""

    def spooled(self, rows: int) -> None:
        """Do nothing."""

    def recovered(self, rows: int) -> None:
        """Do nothing."""

    def left_spool(self, rows: int) -> None:
        """Do nothing."""

    def lost(self, rows: int) -> None:
        """Do nothing."""

    def dead_letter(self, *, kept: bool) -> None:
        """Do nothing."""

    def fell_back(self, *, active: bool) -> None:
        """Do nothing."""


class ReplayObserver:
    """Passes everything on, but holds back the ends of rows while a spooled record is delivered.

    A record that fails half way, or whose end the spool could not note before a crash, is delivered
    again as a whole; its rows are to be counted once, by whoever takes it off the spool.

    Args:
        observer: What is told.
    """

    def __init__(self, observer: LaneObserver) -> None:
        self._observer = observer
        self._held: list[Callable[[], None]] | None = None
        self.recovered = observer.recovered
        self.lost = observer.lost
        self.left_spool = observer.left_spool
        self.spooled = observer.spooled
        self.failed = observer.failed
        self.retried = observer.retried
        self.dead_letter = observer.dead_letter
        self.fell_back = observer.fell_back

    def hold(self) -> None:
        """Keep what is told from now on until `take_held`."""
        self._held = []

    def take_held(self) -> Sequence[Callable[[], None]]:
        """Pass on again, and return what was kept: each call tells one part of it."""
        held, self._held = self._held or [], None
        return held

    def delivered(self, rows: int, seconds: float, *, sink: str) -> None:
        """See `LaneObserver`."""
        self._end(rows, partial(self._observer.delivered, rows, seconds, sink=sink))

    def rejected(self, rows: int) -> None:
        """See `LaneObserver`."""
        self._end(rows, partial(self._observer.rejected, rows))

    def _end(self, rows: int, tell: Callable[[], None]) -> None:
        """Tell of the end of rows; while they are held back, that they leave the spool before."""
        if self._held is None:
            tell()
        else:
            self._held += (partial(self._observer.left_spool, rows), tell)
