"""`ingestion-service load`: files through the same checks, event ids and sinks as the server."""

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from utility_ts_analytics.asgi.responses import Json
from utility_ts_analytics.buffering.block import Failure
from utility_ts_analytics.buffering.intake import Intake, IntakeSession
from utility_ts_analytics.clock import SystemClock
from utility_ts_analytics.config import Config
from utility_ts_analytics.ingest.reading_files import FileSource, ReadingRules, open_readings
from utility_ts_analytics.reading.summary import ReadSummary
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.records.validation import latest_ts
from utility_ts_analytics.service.lane_assembly import make_lanes
from utility_ts_analytics.service.lane_counts import LaneCounts
from utility_ts_analytics.telemetry.measures import Measures

_PROGRESS_S = 0.5


@dataclass(frozen=True, slots=True)
class FileResult:
    """What became of one file.

    Attributes:
        name: As it was given.
        accepted: Rows stored.
        summary: Lines, and the errors among them.
        failure: Why rows were given back unstored, if any were.
    """

    name: str
    accepted: int
    summary: ReadSummary
    failure: Failure | None

    @property
    def ok(self) -> bool:
        """Whether every line of the file is stored."""
        return self.failure is None and self.accepted == self.summary.lines


def load_files(config: Config, files: Sequence[Path], stream: str, *, as_json: bool) -> int:
    """Store the readings of `files` in order; bounded memory whatever their size.

    Args:
        config: As of the server; `ack` does not matter here, every row is waited for.
        files: NDJSON or CSV, plain or compressed; `-` is NDJSON on standard input.
        stream: One of `STREAMS`.
        as_json: Print the results as JSON.

    Returns:
        0 if every line of every file is stored, else 1.

    Raises:
        OperatorError: A file cannot be read; rows of files before it are stored.
    """
    results = asyncio.run(_load_all(config, files, stream))
    if as_json:
        print(json.dumps([_facts(result) for result in results], indent=2))
    else:
        for result in results:
            _print_result(result)
    return 0 if all(result.ok for result in results) else 1


async def _load_all(config: Config, files: Sequence[Path], stream: str) -> list[FileResult]:
    counts = LaneCounts(Measures(), SystemClock(), stream)
    lanes = make_lanes(config, stream, counts, spools=False)
    intake = Intake([lane.queue for lane in lanes], sessions_max=1, refusal=lambda: None)
    wait_s = config.streams[stream].sink.delivery_timeout_ms / 1000
    source = config.streams[stream].source
    rules = ReadingRules.of_stream(
        STREAMS[stream],
        allow_negative=source.allow_negative,
        line_bytes_max=source.line_bytes_max,
        ts_end=latest_ts(SystemClock().wall_ns(), source.future_minutes_max),
    )
    results: list[FileResult] = []
    try:
        for lane in lanes:
            await lane.start(_lane_ended)
        for path in files:
            with open_readings(path, rules) as readings:
                results.append(await _load_one(intake, readings, wait_s))
            if results[-1].failure is not None:
                break
    finally:
        for lane in lanes:
            await lane.close()
    return results


def _lane_ended(task: asyncio.Task[None]) -> None:
    """A lane ends only when it is closed; anything else is our fault, and nothing can go on."""
    if not task.cancelled() and (error := task.exception()) is not None:
        raise SystemExit(f"ingestion-service: a lane failed: {error!r}")


async def _load_one(intake: Intake, readings: FileSource, wait_s: float) -> FileResult:
    session = intake.try_open()
    if session is None:
        raise AssertionError("one file at a time always finds room")
    summary = ReadSummary()
    progress = _Progress(readings.name, session)
    with session:
        failure = None
        for decoded in readings:
            summary.add(decoded)
            failure = session.settlement.failure or await session.submit(
                decoded.rows, decoded.positions, decoded.size_bytes, wait_s
            )
            if failure is not None:
                break
            progress.show()
            await asyncio.sleep(0)  # the lane encodes and sends between two blocks
        session.end_of_rows()
        await session.settlement.settled()
        progress.clear()
        summary.add_errors(session.settlement.rejected)
        failure = failure or session.settlement.failure
        return FileResult(readings.name, session.settlement.stored_rows, summary, failure)


class _Progress:
    """One line on a terminal's standard error, rewritten; nothing elsewhere."""

    def __init__(self, name: str, session: IntakeSession) -> None:
        self._name = name
        self._settlement = session.settlement
        self._clock = SystemClock()
        self._started_s = self._shown_s = self._clock.monotonic_s()
        self._wanted = sys.stderr.isatty()

    def show(self) -> None:
        """Rewrite the line, if it is time to."""
        now_s = self._clock.monotonic_s()
        if not self._wanted or now_s - self._shown_s < _PROGRESS_S:
            return
        self._shown_s = now_s
        rows = self._settlement.stored_rows
        rate = rows / (now_s - self._started_s)
        print(f"\r{self._name}: {rows:,} rows, {rate:,.0f} rows/s ", end="", file=sys.stderr)

    def clear(self) -> None:
        """Make room for the summary."""
        if self._wanted:
            print("\r\x1b[K", end="", file=sys.stderr)


def _facts(result: FileResult) -> dict[str, Json]:
    return {
        "file": result.name,
        "accepted": result.accepted,
        "parse_errors": result.summary.parse_errors,
        "rejected": result.summary.rejected,
        "failure": result.failure.detail if result.failure else None,
        "errors": [
            {"line": error.position, "code": error.code, "field": error.field}
            for error in result.summary.errors
        ],
    }


def _print_result(result: FileResult) -> None:
    summary = result.summary
    print(
        f"{result.name}: {result.accepted:,} of {summary.lines:,} rows stored,"
        f" {summary.parse_errors} parse errors, {summary.rejected} rejected"
    )
    for error in summary.errors:
        print(f"  line {error.position}: {error.code}: {error.detail}")
    if result.failure is not None:
        print(f"  stopped: {result.failure.detail}; loading it again is safe")
