"""The spool as a lane uses it: every call that touches the disk runs in one thread of its own."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import structlog

from utility_ts_analytics.delivery.order import LaneOrder
from utility_ts_analytics.delivery.spool.database import SpoolDatabase
from utility_ts_analytics.delivery.spool.record import Appended, Record, SpoolBroken, SpoolFull
from utility_ts_analytics.records.reading import Reading
from utility_ts_analytics.records.streams import StreamSpec

_CLOSED = SpoolBroken("the spool is closed")

_T = TypeVar("_T")

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


class Spool:
    """Rows on this machine's disk, in order, until the database takes them. One event loop.

    All lanes of a stream, in all workers, append to the same spool; one of them delivers. A record
    handed out and not removed is handed out again, by this lane or, after a crash, by the next one
    that delivers: at most one record reaches the database twice.

    Calls run one after the other, in the order in which they are made. Cancelling one only stops
    the wait for it. A disk that hangs makes the calls hang: deadlines are the caller's.

    Args:
        folder: `dir` of the configuration.
        spec: Whose rows.
        max_bytes: Most bytes of the stream's database. SQLite's log comes on top: as much as the
            largest record; what is set aside as damaged does not count (`files.DAMAGED_FILES_MAX`).
        order: The lane's place; its stream's `spooled_rows` is kept here.
    """

    def __init__(self, folder: Path, spec: StreamSpec, *, max_bytes: int, order: LaneOrder) -> None:
        self._order = order
        self._database = SpoolDatabase(
            folder,
            spec,
            max_bytes=max_bytes,
            clock=order.clock,
            note_rows=self._note_rows,
            known_rows=lambda: order.file.spooled_rows,
        )
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spool")
        self._closed = False

    @property
    def pending_rows(self) -> int:
        """Rows of the stream that wait, of all lanes and workers."""
        return self._order.file.spooled_rows

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
        """Append `rows` after all others; `Appended` means on the disk, synced.

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
        """Remove a record that reached the database. False: that failed, and it comes again."""

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
        """Make the records of earlier services those of this one; return their number of rows."""
        file = self._order.file

        def is_ours(origin: int) -> bool:
            return file.counted_by_its_worker(origin, 0) is not None

        return await self._attempt(
            lambda: self._database.adopt(known=is_ours, heir=file.service_id), 0
        )

    async def close(self) -> None:
        """Close the files, once the calls before this one are done. Idempotent."""
        if self._closed:
            return
        self._closed = True
        try:
            await self._run(self._database.close)
        finally:
            self._thread.shutdown(wait=False)

    def _note_rows(self, rows: int) -> None:
        self._order.file.spooled_rows = rows

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
