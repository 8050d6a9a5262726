"""A load from its first input to its last: lanes, watch on the table, journal, the order of it."""

import asyncio
import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from utility_ts_analytics.clock import Clock
from utility_ts_analytics.config import Config
from utility_ts_analytics.database.health import HealthPoller, stream_refusal
from utility_ts_analytics.database.table_spec import table_specs
from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.ingest.file_books import FileBooks, Kept
from utility_ts_analytics.ingest.identity import difference, identify
from utility_ts_analytics.ingest.inputs import Input
from utility_ts_analytics.ingest.journal import FileRecord, Journal
from utility_ts_analytics.ingest.pieces import START
from utility_ts_analytics.service.lane_assembly import make_lanes
from utility_ts_analytics.service.lane_counts import LaneCounts
from utility_ts_analytics.service.load_pipeline import LoadPipeline, Stop
from utility_ts_analytics.service.load_plan import LoadPlan
from utility_ts_analytics.service.load_progress import Progress
from utility_ts_analytics.service.load_result import FileResult, LoadResult, State
from utility_ts_analytics.service.load_tally import Tally
from utility_ts_analytics.telemetry.measures import Measures

_WATCH_S: Final = 5.0
_RETRIES_MAX: Final = 100
"""`delivery_timeout_ms` bounds a delivery here: a load has time, and nobody who waits for it."""


class LoadRun:
    """One run of one load.

    Args:
        config: As of the server.
        stream: The stream.
        plan: What to load.
        journal: Where progress is kept; None keeps none.
        clock: Time.
    """

    def __init__(
        self, config: Config, stream: str, plan: LoadPlan, journal: Journal | None, clock: Clock
    ) -> None:
        self._config = _patient(config, stream)
        self._stream = stream
        self._plan = plan
        self._journal = journal
        self._clock = clock
        self._notices: list[str] = []
        self._tally = Tally(len(plan.inputs), plan.bytes_total)

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
        counts = LaneCounts(Measures(), self._clock, self._stream)
        lane = make_lanes(self._config, self._stream, counts, spools=False)[0]
        pipeline = LoadPipeline(lane, stop, self._clock)
        progress = Progress(self._tally, self._clock)
        beside = [
            asyncio.create_task(progress.run()),
            asyncio.create_task(self._watch(poller, stop)),
        ]
        try:
            await lane.start(_lane_ended)
            with _signals(stop):
                files = await self._load_all(pipeline, stop)
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await lane.close()
            pipeline.close()
        trouble = await self._table_trouble(poller)
        await poller.close()
        if trouble is not None and stop.reason is None:
            stop.ask(trouble)
        return LoadResult(files, stop.reason, self._notices, pipeline.reader_stuck)

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
                await pipeline.off_loop(lambda: _check_unchanged(kept))
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
        """Record how far an input came that is not complete; return why it is not."""
        try:
            await pipeline.off_loop(books.checkpoint)
        except OperatorError as error:
            return problem or str(error)
        return problem

    async def _read(self, entry: Input, books: FileBooks, pipeline: LoadPipeline) -> bool:
        source = await pipeline.off_loop(lambda: self._plan.open_input(entry, books.place))
        self._tally.source = source
        with contextlib.ExitStack() as stack:
            stack.enter_context(source)
            ended = await pipeline.run(source, books)
            if pipeline.reader_stuck:
                stack.pop_all()  # its thread reads from it
        return ended

    def _known(self, entry: Input) -> tuple[Kept | None, FileRecord | None]:
        """Return where an input's progress is kept, and what is known of it."""
        if self._journal is None or not entry.is_file:
            return None, None
        identity = identify(entry.path)
        found, changed = self._journal.find(identity)
        if changed is not None:
            self._notices.append(f"{entry.path}: loaded from its start: {changed}")
        elif found is not None and not found.done and found.place != START:
            self._notices.append(
                f"{entry.path}: goes on behind line {found.place.lines:,}, up to which every row"
                " was settled"
            )
        return Kept(self._journal, identity), found

    def _note_once(self, notice: str | None) -> None:
        if notice is not None and notice not in self._notices:
            self._notices.append(notice)

    # The table

    def _poller(self) -> HealthPoller:
        table = self._config.streams[self._stream].table
        return HealthPoller(self._config.questdb.pgwire_uri, [table])

    async def _table_trouble(self, poller: HealthPoller) -> str | None:
        """Return why rows must not be sent, as far as QuestDB can be asked.

        That it is away is none: the lane finds out, waits and tries again.
        """
        table = self._config.streams[self._stream].table
        health = await poller.poll()
        refusal = stream_refusal(health, table_specs()[self._stream].named(table))
        if refusal is None or refusal.code == "sink-unavailable":
            return None
        return f"cannot load into {table}: {refusal.detail}"

    async def _watch(self, poller: HealthPoller, stop: Stop) -> None:
        """Look at the table now and then: QuestDB takes rows for a suspended one all the same."""
        while True:
            await self._clock.sleep(_WATCH_S)
            trouble = await self._table_trouble(poller)
            if trouble is not None:
                stop.ask(trouble)


def _check_unchanged(kept: Kept | None) -> None:
    """Refuse to call a file complete that somebody wrote to meanwhile."""
    if kept is None:
        return
    path = Path(kept.identity.path)
    changed = difference(kept.identity, identify(path))
    if changed is not None:
        raise OperatorError(f"{path} changed while it was loaded: {changed}; load it again")


def _patient(config: Config, stream: str) -> Config:
    """Let time alone bound a delivery, and one acknowledged lane keep the order of all rows.

    What TCP carries is not acknowledged: no place in a file could be called stored.
    """
    section = config.streams[stream]
    sink = msgspec.structs.replace(
        section.sink, retries_max=_RETRIES_MAX, lanes=1, transport="http"
    )
    changed = {stream: msgspec.structs.replace(section, sink=sink)}
    return msgspec.structs.replace(config, **changed)


@contextlib.contextmanager
def _signals(stop: Stop) -> Iterator[None]:
    """Let the first SIGINT or SIGTERM end the load in order, and a second one at once."""
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)

    def ask(number: signal.Signals) -> None:
        stop.ask(f"interrupted by {number.name}")
        for each in numbers:
            loop.remove_signal_handler(each)
            signal.signal(each, signal.SIG_DFL)

    for number in numbers:
        loop.add_signal_handler(number, ask, number)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def _lane_ended(task: asyncio.Task[None]) -> None:
    """A lane ends only when it is closed; anything else is our fault, and nothing can go on."""
    if not task.cancelled() and (error := task.exception()) is not None:
        raise SystemExit(f"ingestion-service: a lane failed: {error!r}")
