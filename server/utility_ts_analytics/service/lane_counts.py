"""What the lanes of one worker did: into the worker's numbers, and into the log."""

import structlog

from utility_ts_analytics.clock import Clock
from utility_ts_analytics.telemetry.measures import Measures

_log = structlog.get_logger("worker")


class LaneCounts:
    """A `sinks.observer.LaneObserver`.

    Args:
        measures: Where to count.
        clock: For the time of the last stored batch.
        stream: For the log.
    """

    def __init__(self, measures: Measures, clock: Clock, stream: str) -> None:
        self._measures = measures
        self._clock = clock
        self._log = _log.bind(stream=stream)

    def delivered(self, rows: int, seconds: float, *, sink: str) -> None:
        """Count stored rows."""
        self._measures.rows_stored(rows, seconds, sink=sink, wall_ns=self._clock.wall_ns())

    def retried(self, reason: str, *, sink: str) -> None:
        """Count one repeated send; the route has logged it."""
        self._measures.retried(reason, sink=sink)

    def failed(self, rows: int, reason: str) -> None:
        """Count and log rows given back."""
        self._measures.rows_failed(rows, reason)
        self._log.error("rows were given back unstored", rows=rows, code=reason)

    def rejected(self, rows: int) -> None:
        """Count rows that the database refused for good; they are logged one by one."""
        self._measures.rows_rejected(rows)

    def spooled(self, rows: int) -> None:
        """Count rows that went to the disk."""
        self._measures.rows_spooled(rows)

    def recovered(self, rows: int) -> None:
        """Count and log rows that were found on the disk."""
        self._measures.rows_recovered(rows)
        self._log.info("spooled rows were taken over", rows=rows)

    def left_spool(self, rows: int) -> None:
        """Take rows off the spool."""
        self._measures.rows_leave_spool(rows)

    def lost(self, rows: int) -> None:
        """Count what the disk has lost."""
        self._measures.rows_lost_in_spool(rows)

    def dead_letter(self, *, kept: bool) -> None:
        """Count a dead letter."""
        self._measures.dead_letter(kept=kept)

    def fell_back(self, *, active: bool) -> None:
        """Count the lanes that go by the second choice."""
        self._measures.fell_back(active=active)
