"""A child of the supervisor leads a session and has none of its parent's signal handlers."""

import os
import signal
from collections.abc import Callable

import pytest

from utility_ts_analytics.service.child import SUPERVISOR_SIGNALS, start_child

TIMEOUT_S = 15.0


def exit_code_of(work: Callable[[], int | None]) -> int | None:
    child = start_child(work)
    child.join(TIMEOUT_S)
    return child.exitcode


def test_child_exits_with_what_its_work_returns() -> None:
    assert exit_code_of(lambda: 7) == 7
    assert exit_code_of(lambda: None) == 0


def test_child_leads_a_session() -> None:
    assert exit_code_of(lambda: int(os.getsid(0) != os.getpid())) == 0


@pytest.mark.parametrize("number", SUPERVISOR_SIGNALS)
def test_child_forgets_the_handlers_and_blocks_nothing(number: signal.Signals) -> None:
    previous = signal.signal(number, lambda _number, _frame: None)
    try:
        assert exit_code_of(lambda: os.kill(os.getpid(), number)) == -number
    finally:
        signal.signal(number, previous)


def test_parent_blocks_nothing_after_the_fork() -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    exit_code_of(lambda: 0)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before
