"""Runs come back whole, equal keys together, each run's entries in their order."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.small_disk import mounted

from utility_ts_analytics.files.replaced.sorted_runs import ENTRY_BYTES, Entries, SortedRuns

keys = st.integers(0, 2**64 - 1) | st.sampled_from([0, 1, 2**52, 2**52 - 1, 2**64 - 1])


def run_of(drawn: list[int], run_number: int) -> Entries:
    rows = [(key, run_number, index) for index, key in enumerate(sorted(drawn))]
    return np.array(rows, dtype=np.uint64).reshape(-1, 3)


def buffer(size: int) -> Entries:
    return np.empty((size, 3), dtype=np.uint64)


@settings(max_examples=60)
@given(drawn=st.lists(st.lists(keys, max_size=30), max_size=5), size=st.integers(1, 40))
def test_every_entry_comes_back_once_with_all_of_its_key(drawn: list[list[int]], size: int) -> None:
    runs = SortedRuns(None)
    for number, run in enumerate(drawn):
        runs.add(run_of(run, number))
    found: list[tuple[int, ...]] = []
    for part in runs.parts(buffer(size)):
        rows = [tuple(row) for row in part.entries.tolist()]
        assert sum(part.run_sizes) == len(rows)
        assert {row[0] for row in rows}.isdisjoint({row[0] for row in found})
        assert [row[1:] for row in rows] == sorted(row[1:] for row in rows)
        numbers = np.repeat(np.arange(len(part.run_sizes)), part.run_sizes)
        assert [row[1] for row in rows] == numbers.tolist()
        found += rows
    runs.close()
    expected = [run_of(run, number).tolist() for number, run in enumerate(drawn)]
    assert sorted(found) == sorted(tuple(row) for run in expected for row in run)


def test_parts_are_no_larger_than_the_buffer_where_keys_are_spread() -> None:
    runs = SortedRuns(None)
    random = np.random.default_rng(1)
    for number in range(10):
        drawn = random.integers(0, 2**64, size=1000, dtype=np.uint64)
        runs.add(run_of(drawn.tolist(), number))
    assert runs.size_bytes == 10 * 1000 * ENTRY_BYTES
    sizes = [len(part.entries) for part in runs.parts(buffer(500))]
    assert sum(sizes) == 10_000
    assert max(sizes) <= 500
    assert len(sizes) < 25
    runs.close()


def test_no_name_is_left_in_the_folder(tmp_path: Path) -> None:
    runs = SortedRuns(tmp_path)
    runs.add(run_of([1, 2], 0))
    assert list(tmp_path.iterdir()) == []
    runs.close()
    runs.close()


def test_full_disk_is_an_error_of_the_system(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "64k") as folder:
        runs = SortedRuns(folder)
        runs.add(run_of(list(range(1000)), 0))
        with pytest.raises(OSError, match="No space left"):
            runs.add(run_of(list(range(10_000)), 1))
        runs.close()


def test_missing_folder_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        SortedRuns(tmp_path / "none")


def test_file_that_has_become_shorter_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = SortedRuns(None)
    runs.add(run_of([1, 2, 3], 0))
    file: Any = vars(runs)["_file"]
    file.truncate(ENTRY_BYTES)
    with pytest.raises(OSError, match="shorter"):
        list(runs.parts(buffer(10)))
    runs.close()
