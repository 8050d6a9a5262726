"""The spool as a lane uses it: every call that touches the disk runs in one thread of its own."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import structlog

from utility_ts_analytics.records.reading import Reading
from utility_ts_analytics.records.streams import StreamSpec
from utility_ts_analytics.sinks.order import LaneOrder
from utility_ts_analytics.sinks.spool.database import SpoolDatabase
from utility_ts_analytics.sinks.spool.record import Appended, Record, SpoolBroken, SpoolFull

_CLOSED = SpoolBroken("the spool is closed")

_T = TypeVar("_T")

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


class Spool:
    """Rows on this machine's disk, in order, until the database takes them. One event loop.

    All lanes of a stream, in all workers, append to the same spool; one of them delivers. A record
    handed out and not removed is handed out again, by this lane or, after a crash, by the next one
    that delivers: at most that one record reaches the database twice.

    Calls run one after the other in the order in which they are made, to their end: cancelling
    one only stops waiting for it. A disk that hangs hangs the calls: the caller has the deadlines.

    Args:
        folder: `dir` of the configuration.
        spec: Whose rows.
        bytes_max: Most bytes of the stream's database. SQLite's log comes on top: as much as the
            largest record; what is set aside as damaged does not count (`files.DAMAGED_FILES_MAX`).
        order: The lane's place; its stream's `spooled_rows` is kept here.
    """

    def __init__(self, folder: Path, spec: StreamSpec, *, bytes_max: int, order: LaneOrder) -> None:
        self._order = order
        self._database = SpoolDatabase(
            folder,
            spec,
            bytes_max=bytes_max,
            clock=order.stream.clock,
            note_rows=self._note_rows,
            known_rows=lambda: order.stream.spooled_rows,
        )
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spool")
        self._closed = False

    @property
    def pending_rows(self) -> int:
        """Rows of the stream that wait, of all lanes and workers."""
        return self._order.stream.spooled_rows

    @property
    def lost_rows(self) -> int:
        """Acknowledged rows that this lane has found damaged so far; never falls."""
        return self._database.lost_rows

    async def open(self) -> str | None:
        """Open the database and count what waits in it.

        Returns:
            None, or one line that says why nothing can be appended; each `append` tries again.
        """
        return await self._run(self._database.open)

    async def append(self, rows: Sequence[Reading]) -> Appended | SpoolFull | SpoolBroken:
        """Put `rows` behind all others; `Appended` means on the disk, synced.

        Args:
            rows: Not empty; read until the call ends in its thread, also if it is cancelled.

        Returns:
            What happened. Everything but `Appended` means that nothing was taken.
        """
        if self._closed:
            return _CLOSED
        return await self._run(lambda: self._database.append(rows, self._order.id))

    async def oldest(self) -> Record | None:
        """Return the first undelivered record; the same until `remove`.

        None where nothing is left or, while `pending_rows` is not 0, where it cannot be read just
        now. Damaged records before it are set aside and counted.
        """
        return await self._attempt(self._database.oldest, None)

    async def remove(self, record: Record) -> bool:
        """Take a record away: it reached the database. False: it could not be, and comes again."""

        def remove() -> bool:
            self._database.remove(record.number)
            return True

        return await self._attempt(remove, default=False)

    async def try_to_deliver(self) -> bool:
        """Tell whether this lane delivers from now on; one per stream does, until it is closed.

        Where another one does, what waits is counted anew.
        """
        if await self._attempt(self._database.try_to_deliver, default=False):
            return True
        await self._attempt(self._database.count, None)
        return False

    async def adopt(self) -> int:
        """Take the records of earlier services into the books of this one; return their rows."""
        stream = self._order.stream

        def is_ours(origin: int) -> bool:
            return stream.counted_by_its_worker(origin, 0) is not None

        return await self._attempt(
            lambda: self._database.adopt(known=is_ours, heir=stream.service_id), 0
        )

    async def close(self) -> None:
        """Let go of the files, once the calls before it are done. Idempotent."""
        if self._closed:
            return
        self._closed = True
        try:
            await self._run(self._database.close)
        finally:
            self._thread.shutdown(wait=False)

    def _note_rows(self, rows: int) -> None:
        self._order.stream.spooled_rows = rows

    async def _attempt(self, step: Callable[[], _T], default: _T) -> _T:
        if self._closed:
            return default
        try:
            return await self._run(step)
        except (OSError, sqlite3.Error) as error:
            _log.warning("cannot use the spool now", reason=str(error))
            return default

    async def _run(self, step: Callable[[], _T]) -> _T:
        # Shielded: a cancelled future would take a step that has not begun out of the thread's
        # queue, and what happened would depend on when the caller gave up.
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, step))
