"""What one lane did: into the numbers of its worker, and into the log."""

from collections.abc import Callable, Sequence
from functools import partial

import structlog

from utility_ts_analytics.clock import Clock
from utility_ts_analytics.telemetry.measures import Measures

_log = structlog.get_logger("worker")


class LaneCounts:
    """Counts what a lane does, once per batch or attempt, never per row.

    The end of rows is counted in the same step in which they leave the queue or the spool, so that
    a reader of the numbers never misses rows. `sink` is a `Sink.name`.

    A spooled record that fails half way, or whose end the spool could not note before a crash, is
    delivered again as a whole, but its rows count once. So while a record is delivered, the ends of
    rows are held back (`hold`), and counted when the record leaves the spool (`take_held`).

    Args:
        measures: Where to count; shared by the lanes of a worker.
        clock: For the time of the last stored batch.
        stream: For the log.
    """

    def __init__(self, measures: Measures, clock: Clock, stream: str) -> None:
        self._measures = measures
        self._clock = clock
        self._log = _log.bind(stream=stream)
        self._held: list[Callable[[], None]] | None = None

    def stored(self, rows: int, seconds: float, *, sink: str) -> None:
        """Count stored rows, or hold that back.

        Args:
            rows: Of one batch, >= 1.
            seconds: From the first attempt to the acknowledgement.
            sink: Where they went.
        """
        self._end(rows, partial(self._stored, rows, seconds, sink))

    def rejected(self, rows: int) -> None:
        """Count rows that the database refused for good, or hold that back."""
        self._end(rows, partial(self._measures.rows_rejected, rows))

    def failed(self, rows: int, reason: str) -> None:
        """Count and log rows given back unstored; `reason` is a `FailureCode`."""
        self._measures.rows_failed(rows, reason)
        self._log.error("rows were given back unstored", rows=rows, code=reason)

    def retried(self, reason: str, *, sink: str) -> None:
        """Count one repeated send; `reason` is a `FailureCode` or `in-doubt`."""
        self._measures.retried(reason, sink=sink)

    def fell_back(self, *, active: bool) -> None:
        """Count the lanes that send by the second choice."""
        self._measures.fell_back(active=active)

    def dead_letter(self, *, kept: bool) -> None:
        """Count a row that was written to the dead letters, or could not be."""
        self._measures.dead_letter(kept=kept)

    # The spool

    def hold(self) -> None:
        """Hold back the ends of rows from now on, until `take_held`."""
        self._held = []

    def take_held(self) -> Sequence[Callable[[], None]]:
        """Count at once again; return what was held back: each call counts one part of it."""
        held, self._held = self._held or [], None
        return held

    def spooled(self, rows: int) -> None:
        """Count rows that went to the disk; once they are in the table they count as stored."""
        self._measures.rows_spooled(rows)

    def left_spool(self, rows: int) -> None:
        """Take rows off the spool; what became of them is counted next."""
        self._measures.rows_leave_spool(rows)

    def recovered(self, rows: int) -> None:
        """Count and log rows that an earlier service or a dead worker spooled and did not count."""
        self._measures.rows_recovered(rows)
        self._log.info("spooled rows were taken over", rows=rows)

    def lost(self, rows: int) -> None:
        """Count spooled rows that cannot be read any more."""
        self._measures.rows_lost_in_spool(rows)

    def _stored(self, rows: int, seconds: float, sink: str) -> None:
        self._measures.rows_stored(rows, seconds, sink=sink, wall_ns=self._clock.wall_ns())

    def _end(self, rows: int, count: Callable[[], None]) -> None:
        """Count the end of rows, or hold it back together with their leaving of the spool."""
        if self._held is None:
            count()
        else:
            self._held += (partial(self.left_spool, rows), count)
