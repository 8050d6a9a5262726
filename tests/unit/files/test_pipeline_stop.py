"""A load ends at the first signal in order, and at the second at once."""

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from utility_ts_analytics.files.pipeline import Stop, stopped_by_signals


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_first_signal_is_the_reason_and_gives_the_second_its_usual_effect(
    number: signal.Signals,
) -> None:
    async def wait() -> Stop:
        stop = Stop()
        with stopped_by_signals(stop):
            assert stop.reason is None
            os.kill(os.getpid(), number)
            async with asyncio.timeout(10):
                await stop.asked()
            assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL
            assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
        return stop

    stop = asyncio.run(wait())
    stop.ask("later")
    assert stop.reason == f"interrupted by {number.name}"
