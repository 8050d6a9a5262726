"""Only valid rows are progress, and only the client's own time counts against it."""

import asyncio
from collections.abc import Callable

import pytest

from utility_ts_analytics.asgi.upload import ROW_BYTES_MAX, Progress


def begun(rate: int = 1_000, window_s: float = 30.0) -> tuple[Progress, Callable[[], float]]:
    progress = Progress(rate, window_s)
    progress.begin()
    return progress, asyncio.get_running_loop().time


def test_lines_without_a_valid_row_are_no_progress() -> None:
    async def run() -> None:
        progress, clock = begun()
        progress.add_rows(0, 10_000_000)
        assert progress.lags_s(clock() + 2.0) == pytest.approx(2.0, abs=0.2)

    asyncio.run(run())


def test_rows_at_the_rate_are_progress() -> None:
    async def run() -> None:
        progress, clock = begun()
        progress.add_rows(20, 4_000)
        assert progress.lags_s(clock() + 3.0) == 0.0
        assert progress.lags_s(clock() + 4.5) == pytest.approx(4.5, abs=0.2)

    asyncio.run(run())


def test_row_blown_up_with_blanks_counts_as_any_other() -> None:
    async def run() -> None:
        progress, _ = begun()
        progress.add_rows(2, 1_000_000)
        assert progress.useful_bytes == 2 * ROW_BYTES_MAX

    asyncio.run(run())


def test_part_of_an_array_counts_a_little_and_its_blanks_do_not() -> None:
    async def run() -> None:
        progress, _ = begun()
        progress.add_array_part(b" [1,\r\n\t 2" + b" " * 1_000)
        assert progress.useful_bytes == 0
        progress.add_array_part(b"1" * 1_600 + b"\n" * 1_600)
        assert progress.useful_bytes == 100

    asyncio.run(run())


def test_time_before_the_body_is_asked_for_does_not_count() -> None:
    async def run() -> None:
        assert Progress(1_000, 30.0).lags_s(1e12) == 0.0

    asyncio.run(run())


def test_waits_for_room_do_not_count() -> None:
    async def run() -> None:
        progress, clock = begun()
        with progress:
            assert progress.lags_s(clock() + 100.0) == 0.0
            await asyncio.sleep(0.05)
        assert progress.lags_s(clock() + 1.0) == pytest.approx(1.0, abs=0.04)

    asyncio.run(run())


def test_body_that_is_read_lags_no_more() -> None:
    async def run() -> None:
        progress, clock = begun()
        progress.end()
        assert progress.lags_s(clock() + 100.0) == 0.0

    asyncio.run(run())


def test_old_progress_is_forgotten_after_the_window() -> None:
    async def run() -> None:
        progress, clock = begun(window_s=30.0)
        progress.add_rows(10_000, 2_000_000)
        assert progress.lags_s(clock() + 31.0) == 0.0
        assert progress.lags_s(clock() + 33.0) == pytest.approx(2.0, abs=0.2)

    asyncio.run(run())


def test_without_a_rate_a_byte_a_second_is_enough() -> None:
    async def run() -> None:
        progress, clock = begun(rate=0)
        assert progress.lags_s(clock() + 2.0) > 0.0
        progress.add_rows(1, 100)
        assert progress.lags_s(clock() + 2.0) == 0.0

    asyncio.run(run())
