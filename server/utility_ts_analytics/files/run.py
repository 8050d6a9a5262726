"""Runs a load from its first input to its last: lane, watch on the table, journal, their order."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

import msgspec

from utility_ts_analytics.clock import Clock
from utility_ts_analytics.config import Config
from utility_ts_analytics.database.health import HealthPoller, stream_refusal
from utility_ts_analytics.database.table_spec import table_specs
from utility_ts_analytics.delivery.assembly import make_lanes
from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.books.file_books import FileBooks, Kept
from utility_ts_analytics.files.books.journal import FileRecord, Journal, difference, identify
from utility_ts_analytics.files.inputs import Input
from utility_ts_analytics.files.pieces import START
from utility_ts_analytics.files.pipeline import LoadPipeline, Stop, stopped_by_signals
from utility_ts_analytics.files.plan import LoadPlan
from utility_ts_analytics.files.progress import Progress, Tally
from utility_ts_analytics.files.replaced.replaced_rows import ReplacedCount, with_replaced
from utility_ts_analytics.files.result import FileResult, LoadResult, State
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.telemetry.measures import Measures

STARTS_OVER: Final = (
    "its mapping sorts, joins or gives no rec, so that no record is known to be the last one stored"
)
_COUNTED_IN_PART: Final = (
    "rows that replace others are counted among those that this run reads, not among those that an"
    " interrupted one has settled"
)
_WATCH_S: Final = 5.0
_RETRIES_MAX: Final = 100
"""So that only `delivery_timeout_ms` bounds a delivery: nobody waits for the answer to a load."""


class LoadRun:
    """One run of one load.

    Args:
        config: The configuration of the server.
        stream: Name of the stream.
        plan: What to load.
        journal: Journal of the command; None keeps none.
        clock: Time.
        tell: Gets messages for the user while the load runs, one line each.
    """

    def __init__(
        self,
        config: Config,
        stream: str,
        plan: LoadPlan,
        journal: Journal | None,
        *,
        clock: Clock,
        tell: Callable[[str], None],
    ) -> None:
        self._config = _patient(config, stream)
        self._stream = stream
        self._plan = plan
        self._journal = journal
        self._clock = clock
        self._tell = tell
        self._away: str | None = None
        self._notices: list[str] = []
        self._tally = Tally(len(plan.inputs), plan.bytes_total)
        self._replaced = ReplacedCount(STREAMS[stream], plan.inputs, plan.open_input)

    async def run(self) -> LoadResult:
        """Load everything.

        Raises:
            OperatorError: The table cannot take rows; nothing was sent.
        """
        stop = Stop()
        poller = self._poller()
        trouble = await self._table_trouble(poller)
        if trouble is not None:
            await poller.close()
            raise OperatorError(trouble)
        if self._away is not None:
            seconds = self._config.streams[self._stream].sink.delivery_timeout_ms // 1000
            self._tell(f"{self._away}; is QuestDB running? Tried for {seconds} s")
        lane = make_lanes(self._config, self._stream, Measures(), spools=False)[0]
        pipeline = LoadPipeline(lane, stop, self._clock)
        progress = Progress(self._tally, self._clock)
        beside = [
            asyncio.create_task(progress.run()),
            asyncio.create_task(self._watch(poller, stop)),
        ]
        with stopped_by_signals(stop):
            try:
                await lane.start(_lane_ended)
                files = await self._load_all(pipeline, stop)
            finally:
                for task in beside:
                    task.cancel()
                await asyncio.gather(*beside, return_exceptions=True)
                await lane.close()
                pipeline.close()
            trouble = await self._table_trouble(poller)
            await poller.close()
            # A signal from here on ends only the counting: all rows have been sent.
            stopped = stop.reason or trouble
            if pipeline.failure is not None and pipeline.failure.code == "sink-unavailable":
                address = self._config.questdb.ilp_http_addr
                stopped = f"{stopped} (questdb.ilp_http_addr is {address})"
            files = await self._counted(files, pipeline, stop)
        return LoadResult(files, stopped, self._notices, pipeline.reader_stuck)

    async def _counted(
        self, files: list[FileResult], pipeline: LoadPipeline, stop: Stop
    ) -> list[FileResult]:
        """Return results with the rows that replace others."""
        if pipeline.reader_stuck:
            return files  # its thread may still add rows to the count
        counted, notices = await asyncio.to_thread(
            with_replaced, files, self._replaced, lambda: stop.reason is not None
        )
        self._notices += notices
        return counted

    async def _load_all(self, pipeline: LoadPipeline, stop: Stop) -> list[FileResult]:
        results: list[FileResult] = []
        for entry in self._plan.inputs:
            if stop.reason is not None:
                break
            self._tally.begin()
            results.append(await self._load_one(entry, pipeline, stop))
            self._tally.end(entry.size_bytes)
        return results

    async def _load_one(self, entry: Input, pipeline: LoadPipeline, stop: Stop) -> FileResult:
        refused_path = self._plan.refused_path(entry)
        books = FileBooks(refused_path, None, None)
        resumed = 0
        state: State = "incomplete"
        problem: str | None = None
        try:
            kept, found = await pipeline.off_loop(lambda: self._known(entry))
            books = FileBooks(refused_path, kept, found)
            self._tally.resume(books.account)
            resumed = books.account.lines
            if found is not None and found.done:
                await pipeline.off_loop(books.finish_again)
                state = "complete-before"
            elif await self._read(entry, books, pipeline):
                await pipeline.off_loop(lambda: _check_unchanged(kept, entry))
                await pipeline.off_loop(books.finish)
                state = "complete"
            else:
                problem = stop.reason
        except OperatorError as error:
            problem = str(error)
            state = "incomplete" if stop.reason is not None else "failed"
        if state in ("incomplete", "failed"):
            problem = await self._leave(books, pipeline, problem)
        books.close()
        self._note_once(books.journal_trouble)
        refused = refused_path if books.account.refused_rows else None
        return FileResult(entry, books.account, state, problem, resumed, refused)

    async def _leave(
        self, books: FileBooks, pipeline: LoadPipeline, problem: str | None
    ) -> str | None:
        """Record how far an incomplete input has come; return why it is not complete."""
        try:
            await pipeline.off_loop(books.checkpoint)
        except OperatorError as error:
            return problem or str(error)
        return problem

    async def _read(self, entry: Input, books: FileBooks, pipeline: LoadPipeline) -> bool:
        self._replaced.begin(entry)
        source = await pipeline.off_loop(
            lambda: self._plan.open_input(entry, books.place, self._replaced.taker)
        )
        self._tally.source = source
        if not source.rereads and books.place != START:
            self._note_once(_COUNTED_IN_PART)
        with contextlib.ExitStack() as stack:
            stack.enter_context(source)
            ended = await pipeline.run(source, books)
            self._replaced.ended(source)
            if pipeline.reader_stuck:
                stack.pop_all()  # its thread reads from it
        if not ended and entry.is_file and not source.resumable:
            self._note_once(f"{entry.name}: the next run starts over: {STARTS_OVER}")
        return ended

    def _known(self, entry: Input) -> tuple[Kept | None, FileRecord | None]:
        """Return where an input's progress is kept, and how far an earlier run has come."""
        if self._journal is None or not entry.is_file:
            return None, None
        identity = identify(entry.path, entry.member)
        found, changed = self._journal.find(identity)
        if changed is not None:
            self._notices.append(f"{entry.name}: loaded from its start: {changed}")
        elif found is not None and not found.done and found.place != START:
            self._notices.append(
                f"{entry.name}: goes on behind record {found.place.next_line - 1:,}, up to which"
                " every row was settled"
            )
        elif found is not None and not found.done:
            self._notices.append(f"{entry.name}: starts over: {STARTS_OVER}")
        if found is not None and found.done:
            self._note_once(_COUNTED_IN_PART)
        return Kept(self._journal, identity), found

    def _note_once(self, notice: str | None) -> None:
        if notice is not None and notice not in self._notices:
            self._notices.append(notice)

    # The table

    def _poller(self) -> HealthPoller:
        table = self._config.streams[self._stream].table
        return HealthPoller(self._config.questdb.pgwire_uri, [table])

    async def _table_trouble(self, poller: HealthPoller) -> str | None:
        """Return why rows must not be sent to the table; None if they may.

        A QuestDB that does not answer is no reason: the lane waits and tries again.
        """
        table = self._config.streams[self._stream].table
        health = await poller.poll()
        refusal = stream_refusal(health, table_specs()[self._stream].named(table))
        self._away = health.reason or None
        if refusal is None or refusal.code == "sink-unavailable":
            return None
        return f"cannot load into {table}: {refusal.detail}"

    async def _watch(self, poller: HealthPoller, stop: Stop) -> None:
        """Check the table every few seconds: QuestDB takes rows for a suspended table as well."""
        while True:
            await self._clock.sleep(_WATCH_S)
            trouble = await self._table_trouble(poller)
            if trouble is not None:
                stop.ask(trouble)


def _check_unchanged(kept: Kept | None, entry: Input) -> None:
    """Check that nobody wrote to a file while it was loaded.

    Raises:
        OperatorError: Its identity has changed.
    """
    if kept is None:
        return
    changed = difference(kept.identity, identify(entry.path, entry.member))
    if changed is not None:
        raise OperatorError(f"{entry.name} changed while it was loaded: {changed}; load it again")


def _patient(config: Config, stream: str) -> Config:
    """Return a configuration in which only time bounds a delivery, on one acknowledged lane.

    One lane keeps the order of all rows. ILP over TCP has no acknowledgement, so no place in a file
    would be known to be stored.
    """
    section = config.streams[stream]
    sink = msgspec.structs.replace(
        section.sink, max_retries=_RETRIES_MAX, lanes=1, transport="http"
    )
    changed = {stream: msgspec.structs.replace(section, sink=sink)}
    return msgspec.structs.replace(config, **changed)


def _lane_ended(task: asyncio.Task[None]) -> None:
    """End the process where the lane fails: it ends only when it is closed."""
    if not task.cancelled() and (error := task.exception()) is not None:
        raise SystemExit(f"ingestion-service: a lane failed: {error!r}")
