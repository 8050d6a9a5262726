"""The verdict over memory: each way to fail is found."""

import pytest
from loadtest.memory.command import Seen, failed, table_row


def seen(name: str = "uploads", peak_mib: float = 100.0, fault: str = "") -> Seen:
    return Seen(name=name, bound_mib=120.0, goal_mib=110.0, peak_mib=peak_mib, fault=fault)


def test_peaks_below_bound_and_goal_pass() -> None:
    assert failed([seen(), seen("stream", 109.0)]) == []
    assert "ok" in table_row(seen())


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (seen(peak_mib=121.0), "120 by the formula"),
        (seen(peak_mib=111.0), "the goal is 110"),
        (seen(fault="status 500"), "status 500"),
    ],
)
def test_what_is_broken_is_said(entry: Seen, words: str) -> None:
    assert any(words in line for line in failed([entry]))
    assert "BROKEN" in table_row(entry)


def test_endless_body_may_take_little_more_than_uploads() -> None:
    assert failed([seen(peak_mib=90.0), seen("stream", 99.0)]) == []
    assert failed([seen(peak_mib=90.0), seen("stream", 100.0)]) != []
