"""Refused records wait in their order, on the disk where they are many."""

from pathlib import Path

import pytest
from tests.small_disk import mounted

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.mapping.refused_queue import RefusedQueue
from utility_ts_analytics.files.pieces import Refused


def one(rec: int, size: int = 10) -> Refused:
    return Refused(rec, rec + 1, "wrong-type", None, "no", "ä", b"\xff" * size)


def test_records_come_back_as_they_were_while_others_are_added() -> None:
    queue = RefusedQueue()
    found: list[Refused] = []
    rec = 0
    for count in (10, 5_000, 1, 9_000, 0, 3):
        for _ in range(count):
            rec += 1
            queue.put(one(rec))
        taken = queue.take(None)
        assert len(taken) <= 4_096
        found += taken
    while taken := queue.take(rec):
        found += taken
    assert found == [one(number) for number in range(1, rec + 1)]
    assert (len(queue), queue.is_waiting(None)) == (0, False)
    queue.close()
    queue.close()


def test_few_that_are_long_wait_on_the_disk_too() -> None:
    queue = RefusedQueue()
    for rec in range(1, 21):
        queue.put(one(rec, 1_000_000))
    assert len(queue) == 20
    assert [len(queue.take(None)) for _ in range(5)] == [5, 5, 5, 5, 0]
    queue.close()


def test_number_bounds_what_is_taken() -> None:
    queue = RefusedQueue()
    for rec in (2, 5, 7):
        queue.put(one(rec))
    assert not queue.is_waiting(1)
    assert queue.take(1) == []
    assert [found.rec for found in queue.take(5)] == [2, 5]
    assert queue.is_waiting(None)
    assert not queue.is_waiting(6)


def test_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with mounted(tmp_path / "small", "1m") as small:
        monkeypatch.setattr("tempfile.tempdir", str(small))
        queue = RefusedQueue()
        for rec in range(1, 6):
            queue.put(one(rec, 1_000_000))  # in memory
        with pytest.raises(OperatorError, match=f"make room in {small}, or set TMPDIR"):
            queue.put(one(6, 2_000_000))
        queue.close()
