"""A dry run: reads, maps and checks everything and stores nothing; needs no database.

A thread reads, as in a load: in the main thread a mapping that never ends could not be interrupted.
"""

import asyncio
import contextlib
from collections.abc import Sequence

import uvloop

from utility_ts_analytics.clock import Clock
from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.inputs import Input
from utility_ts_analytics.files.pieces import START, Piece, PieceSource
from utility_ts_analytics.files.pipeline import Stop, stopped_by_signals
from utility_ts_analytics.files.plan import LoadPlan
from utility_ts_analytics.files.progress import Progress, Tally
from utility_ts_analytics.files.reading_ahead import READER_END_S, ReadingAhead
from utility_ts_analytics.files.replaced.replaced_rows import ReplacedCount, with_replaced
from utility_ts_analytics.files.result import Account, FileResult, LoadResult, State

_PIECES_AHEAD = 2


def dry_run(plan: LoadPlan, clock: Clock) -> LoadResult:
    """Read every input of a plan to its end, or until SIGINT or SIGTERM."""
    with contextlib.closing(plan):
        return uvloop.run(_DryRun(plan, clock).run())


class _DryRun:
    """One dry run."""

    def __init__(self, plan: LoadPlan, clock: Clock) -> None:
        self._plan = plan
        self._clock = clock
        self._tally = Tally(len(plan.inputs), plan.bytes_total)
        self._replaced = ReplacedCount(plan.spec, plan.inputs, plan.open_input)
        self._reader_stuck = False

    async def run(self) -> LoadResult:
        stop = Stop()
        progress = asyncio.create_task(Progress(self._tally, self._clock).run())
        try:
            with stopped_by_signals(stop):
                files: Sequence[FileResult] = await self._read_all(stop)
                stopped = stop.reason
                notices: Sequence[str] = ()
                if not self._reader_stuck:
                    files, notices = await asyncio.to_thread(
                        with_replaced, files, self._replaced, lambda: stop.reason is not None
                    )
        finally:
            progress.cancel()
            await asyncio.gather(progress, return_exceptions=True)
            if not self._reader_stuck:
                self._replaced.close()
        return LoadResult(files, stopped, notices, self._reader_stuck)

    async def _read_all(self, stop: Stop) -> list[FileResult]:
        results = []
        for entry in self._plan.inputs:
            if stop.reason is not None:
                break
            self._tally.begin()
            self._replaced.begin(entry)
            results.append(await self._read(entry, stop))
            self._tally.end(entry.size_bytes)
        return results

    async def _read(self, entry: Input, stop: Stop) -> FileResult:
        account = self._tally.account
        state: State = "complete"
        problem = None
        try:
            source = await asyncio.to_thread(
                self._plan.open_input, entry, START, self._replaced.taker
            )
            self._tally.source = source
            if not await self._count(source, account, stop):
                state, problem = "incomplete", stop.reason
        except OperatorError as error:
            state, problem = "failed", str(error)
        return FileResult(entry, account, state, problem)

    async def _count(self, source: PieceSource, account: Account, stop: Stop) -> bool:
        """Count the records of an input; return whether it was read to its end."""
        reader = ReadingAhead(source, _PIECES_AHEAD)
        stopping = asyncio.create_task(stop.asked())
        try:
            while not stop.reason:
                piece = await reader.next(stopping)
                if piece is None:
                    return reader.exhausted
                _enter(piece, account)
            return False
        finally:
            stopping.cancel()
            reader.stop()
            source.interrupt()
            self._reader_stuck = not await reader.stopped(READER_END_S)
            account.notes = dict(source.notes)
            self._replaced.ended(source)
            if not self._reader_stuck:
                await asyncio.to_thread(source.__exit__, None, None, None)


def _enter(piece: Piece, account: Account) -> None:
    account.lines += piece.line_count
    account.stored_rows += piece.row_count
    account.refuse(piece.refused)
    extent = piece.extent()
    if extent is not None:
        account.span(extent)
