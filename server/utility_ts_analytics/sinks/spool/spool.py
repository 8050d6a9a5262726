"""The spool as a lane uses it: every call that touches the disk runs in one thread of its own."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from utility_ts_analytics.records.reading import Reading
from utility_ts_analytics.records.streams import StreamSpec
from utility_ts_analytics.sinks.spool.store import Appended, SpoolBroken, SpoolFull, SpoolStore

SEGMENT_BYTES_MAX = 16 * 1024 * 1024

_CLOSED = "the spool is closed"

_T = TypeVar("_T")


class Spool:
    """Rows on this machine's disk, in order, until the database takes them. One event loop.

    A record handed out and not removed is handed out again, by this spool or, after a crash, by
    whoever takes its directory over: at most that one record reaches the database twice.

    Calls run one after the other in the order in which they are made, to their end: cancelling
    one only stops waiting for it. Rows whose `append` was cancelled may therefore be delivered,
    though their client was told that they failed; the table's DEDUP makes that, and the client's
    next try, harmless. A disk that hangs hangs the calls: the caller has the deadlines.

    Args:
        folder: `dir` of the configuration; each stream has a directory of its own in it.
        spec: Whose rows.
        bytes_max: Most bytes of all segments of this stream, over all processes. Space comes back
            by whole segments. Each concurrent writer may exceed it by one record; damaged
            segments that are kept aside do not count (`directories.DAMAGED_FILES_MAX`).
        segment_bytes_max: A segment that would exceed it is ended; a record larger than that has
            a segment alone.
    """

    def __init__(
        self,
        folder: Path,
        spec: StreamSpec,
        *,
        bytes_max: int,
        segment_bytes_max: int = SEGMENT_BYTES_MAX,
    ) -> None:
        self._store = SpoolStore(
            folder, spec, bytes_max=bytes_max, segment_bytes_max=segment_bytes_max
        )
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spool")
        self._closed = False

    @property
    def pending_rows(self) -> int:
        """Undelivered rows, those taken over included, as the headers on the disk say."""
        return self._store.pending_rows

    @property
    def adopted_rows(self) -> int:
        """Rows that were found in directories taken over so far; never falls."""
        return self._store.adopted_rows

    @property
    def pending_bytes(self) -> int:
        """Undelivered bytes, those taken over included."""
        return self._store.pending_bytes

    @property
    def lost_records(self) -> int:
        """Damaged places found so far, each one record or several in a row."""
        return self._store.losses.records

    @property
    def lost_rows(self) -> int:
        """Rows in them, as far as a header was readable: a lower bound."""
        return self._store.losses.rows

    @property
    def torn_records(self) -> int:
        """Records found so far that a crash cut off before they were acknowledged."""
        return self._store.losses.torn

    async def open(self) -> str | None:
        """Make and lock a directory of one's own, and take over all orphans.

        Returns:
            None, or one line that says why nothing can be appended. What was taken over can be
            delivered nevertheless, and each `append` tries again to make the directory.
        """
        if self._closed:
            return _CLOSED
        return await self._run(self._store.open)

    async def append(self, rows: Sequence[Reading]) -> Appended | SpoolFull | SpoolBroken:
        """Put `rows` behind all others; `Appended` means on the disk, synced.

        Args:
            rows: Not empty; read until the call ends in its thread, also if it is cancelled.

        Returns:
            What happened. Everything but `Appended` means that nothing was taken, except that
            after a failed sync whoever takes the directory over may find the rows whole.
        """
        if self._closed:
            return SpoolBroken(_CLOSED)
        return await self._run(lambda: self._store.append(rows))

    async def oldest(self) -> Sequence[Reading] | None:
        """Return the rows of the next undelivered record, in order; those taken over first.

        The same until `remove_oldest`. None where nothing is left, or, while `pending_bytes` is
        not 0, where it cannot be read just now. Damage before the record is skipped and counted.
        """
        if self._closed:
            return None
        return await self._run(self._store.oldest)

    async def remove_oldest(self) -> None:
        """Take away what `oldest` returned: it reached the database, or will not be tried again.

        Raises:
            AssertionError: Nothing was handed out since the last removal.
        """
        if not self._closed:
            await self._run(self._store.remove_oldest)

    async def adopt(self) -> bool:
        """Take over the orphan with the oldest record, if there is one; tell whether.

        An orphan is a directory of this stream whose owner has died or closed. Cheap where there
        is none. Among several who try, one gets it. Empty ones are removed.
        """
        if self._closed:
            return False
        return await self._run(self._store.adopt)

    async def close(self) -> None:
        """Release locks and thread, once the calls before it are done. Idempotent.

        What is undelivered stays on the disk for whoever takes it over.
        """
        if self._closed:
            return
        self._closed = True
        try:
            await self._run(self._store.close)
        finally:
            self._thread.shutdown(wait=False)

    async def _run(self, step: Callable[[], _T]) -> _T:
        # Shielded: a cancelled future would take a step that has not begun out of the thread's
        # queue, and what happened would depend on when the caller gave up.
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, step))
