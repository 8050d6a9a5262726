"""The progress line: what it says, how often, and that it is silent where nobody looks."""

import asyncio
import contextlib
import io

from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.files.pieces import Refused
from utility_ts_analytics.files.progress import Progress, Tally
from utility_ts_analytics.files.result import Account


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def grown(tally: Tally, stored: int, size_bytes: int) -> None:
    """Let a tally have as many rows and bytes more."""
    tally.account.stored_rows += stored
    tally.end(size_bytes)


def test_line_has_rate_and_time_left_of_the_last_seconds() -> None:
    clock = ManualClock()
    tally = Tally(3, 1_000)
    tally.begin()
    progress = Progress(tally, clock, Terminal())
    assert progress.line() == "file 1 of 3, 0 %, 0 rows stored, 0 refused"
    clock.advance(1)
    grown(tally, 5_000, 100)
    assert progress.line() == (
        "file 1 of 3, 10 %, 5,000 rows stored, 0 refused, 5,000 rows/s, 0:09 left"
    )
    for _ in range(10):
        clock.advance(1)
        grown(tally, 100, 10)
        progress.line()
    assert (
        progress.line() == "file 1 of 3, 20 %, 6,000 rows stored, 0 refused, 100 rows/s, 1:20 left"
    )


def test_rows_of_an_interrupted_run_are_shown_but_are_no_speed() -> None:
    clock = ManualClock()
    tally = Tally(1, None)
    tally.begin()
    progress = Progress(tally, clock, Terminal())
    progress.line()
    account = Account()
    account.lines = account.stored_rows = 1_000_000
    tally.resume(account)
    clock.advance(2)
    account.stored_rows += 10
    assert progress.line() == "file 1 of 1, 1,000,010 rows stored, 0 refused, 5 rows/s"


def test_line_is_rewritten_twice_a_second_and_gone_at_the_end() -> None:
    clock = ManualClock()
    terminal = Terminal()
    progress = Progress(Tally(1, 10), clock, terminal)

    async def watch() -> None:
        task = asyncio.create_task(progress.run())
        for _ in range(4):
            await asyncio.sleep(0)
            clock.advance(0.25)
            await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(watch())
    assert terminal.getvalue().count("file 0 of 1") == 3
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_nothing_is_written_where_it_is_no_terminal() -> None:
    output = io.StringIO()
    progress = Progress(Tally(1, 10), ManualClock(), output)
    asyncio.run(progress.run())
    assert output.getvalue() == ""


def test_hours_are_told_apart_from_minutes() -> None:
    clock = ManualClock()
    tally = Tally(1, 10_000)
    progress = Progress(tally, clock, Terminal())
    progress.line()
    clock.advance(1)
    grown(tally, 1, 1)
    assert progress.line().endswith("2:46:39 left")


def test_inputs_before_count_with_the_one_being_loaded() -> None:
    tally = Tally(2, 300)
    tally.begin()
    tally.account.stored_rows = 10
    tally.account.refuse([Refused(1, 1, "invalid-json", None, "torn")])
    assert (tally.stored_rows, tally.refused_rows, tally.bytes_read) == (10, 1, 0)
    tally.end(100)
    assert (tally.stored_rows, tally.refused_rows, tally.bytes_read) == (10, 1, 100)
    tally.begin()
    resumed = Account()
    resumed.lines, resumed.stored_rows = 7, 6
    tally.resume(resumed)
    assert (tally.file_number, tally.stored_rows, tally.resumed_rows) == (2, 16, 7)
    tally.end(None)
    assert (tally.stored_rows, tally.bytes_read) == (16, 100)
