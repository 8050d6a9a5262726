"""Whatever the bound of the memory, what is found is what a dictionary of all rows would find."""

import errno
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.small_disk import mounted
from tests.unit.files.replaced.row_oracle import Row, oracle, replaced_pairs, told

from utility_ts_analytics.files.replaced.replacements import (
    FILES_END,
    POSITION_END,
    FileReplacements,
    Replacement,
    ReplacementCounts,
    Replacements,
)
from utility_ts_analytics.files.replaced.sorted_runs import stable_order

NO_MEMORY = 1  # two rows at a time


def blocks(rows: Sequence[Row], size: int) -> list[list[Row]]:
    """Cut rows into blocks of one file each."""
    cut: list[list[Row]] = []
    for row in rows:
        if not cut or len(cut[-1]) == size or cut[-1][0].file_number != row.file_number:
            cut.append([])
        cut[-1].append(row)
    return cut


def compared(
    rows: Sequence[Row], memory_bytes: int, *, block: int = 7, folder: Path | None = None
) -> ReplacementCounts:
    replacements = Replacements(memory_bytes, folder)
    for rows_of_block in blocks(rows, block):
        replacements.add(
            b"".join(row.version for row in rows_of_block),
            rows_of_block[0].file_number,
            [row.position for row in rows_of_block],
        )
    return replacements.finish()


few_keys = st.integers(0, 3)
near_keys = st.integers(2**63, 2**63 + 5)
any_keys = st.integers(0, 2**64 - 1)


@st.composite
def loads(draw: st.DrawFn) -> list[Row]:
    """Some files; positions that rise, fall and repeat; few keys and many."""
    keys = draw(st.sampled_from([few_keys, few_keys | near_keys, any_keys, few_keys | any_keys]))
    rows = []
    for number in range(draw(st.integers(1, 4))):
        drawn = draw(st.lists(st.tuples(st.integers(0, 30), keys, st.integers(0, 2)), max_size=40))
        rows += [Row(number, *values) for values in drawn]
    return rows


@settings(max_examples=300, deadline=None)
@given(
    loads(),
    st.sampled_from([NO_MEMORY, 144 * 5, 144 * 17, 1 << 20]),
    st.integers(1, 50),
)
@example([Row(0, 0, 0, 0)] * 3 + [Row(0, 1, 1, content) for content in (0, 1, 0)], 1, 1)
def test_what_is_found_is_what_a_dictionary_finds(
    rows: list[Row], memory_bytes: int, block: int
) -> None:
    counts = compared(rows, memory_bytes, block=block)
    assert counts.incomplete is None
    assert told(counts.by_file) == told(oracle(rows))
    pairs = replaced_pairs(rows)
    for number, one in counts.by_file.items():
        places = [(before.place, row.place) for before, row in pairs[number]]
        assert (one.first.earlier, one.first.later) in places


def random_rows(count: int, *, keys: int) -> list[Row]:
    random = np.random.default_rng(7)
    hashes = random.integers(0, 2**64, size=keys, dtype=np.uint64)
    chosen = hashes[random.integers(0, keys, size=count)].tolist()
    contents = random.integers(0, 3, size=count).tolist()
    return [
        Row(index * 5 // count, index, key, content)
        for index, (key, content) in enumerate(zip(chosen, contents, strict=True))
    ]


@pytest.mark.parametrize("keys", [1, 3, 100, 5_000, 1_000_000])
def test_many_rows_in_little_memory(keys: int) -> None:
    rows = random_rows(10_000, keys=keys)
    assert compared(rows, 144 * 300, block=997).by_file == oracle(rows)


def test_a_row_that_is_the_same_again_replaces_nothing() -> None:
    rows = [Row(0, 1, 5, 7), Row(0, 2, 5, 7), Row(1, 1, 5, 7)]
    for memory_bytes in (NO_MEMORY, 1 << 20):
        assert compared(rows, memory_bytes).by_file == {}


def test_a_value_and_back_again_are_two() -> None:
    rows = [Row(0, 1, 5, 7), Row(0, 2, 5, 8), Row(0, 3, 5, 7)]
    for memory_bytes in (NO_MEMORY, 1 << 20):
        counts = compared(rows, memory_bytes)
        assert counts.by_file == {0: FileReplacements(2, Replacement(rows[0].place, rows[1].place))}


def test_the_file_of_the_later_row_has_the_count() -> None:
    rows = [Row(3, 10, 5, 7), Row(1, 4, 5, 8)]
    (number,) = compared(rows, NO_MEMORY).by_file
    assert number == 1


def test_nothing_is_found_in_nothing() -> None:
    replacements = Replacements()
    replacements.add(b"", 0, [])
    assert replacements.finish() == ReplacementCounts({}, None)
    assert Replacements().finish() == ReplacementCounts({}, None)


@pytest.mark.parametrize(
    "positions", [range(4, 7), [4, 5, 6], np.array([4, 5, 6], dtype=np.int64)], ids=repr
)
def test_positions_come_as_they_are(positions: Any) -> None:
    replacements = Replacements()
    rows = [Row(2, 4, 1, 1), Row(2, 5, 2, 1), Row(2, 6, 1, 2)]
    replacements.add(b"".join(row.version for row in rows), 2, positions)
    first = replacements.finish().by_file[2].first
    assert (first.earlier, first.later) == (rows[0].place, rows[2].place)


def test_largest_places_are_kept() -> None:
    rows = [
        Row(FILES_END - 1, POSITION_END - 1, 1, 1),
        Row(FILES_END - 1, POSITION_END - 1, 1, 2),
    ]
    for memory_bytes in (NO_MEMORY, 1 << 20):
        assert compared(rows, memory_bytes).by_file == oracle(rows)


@pytest.mark.parametrize(
    ("file_number", "positions"),
    [(0, [POSITION_END]), (0, [-1]), (FILES_END, [0]), (-1, [0]), (0, []), (0, [1, 2])],
)
def test_places_out_of_range_are_a_fault_of_ours(file_number: int, positions: list[int]) -> None:
    with pytest.raises(AssertionError):
        Replacements().add(bytes(16), file_number, positions)


def test_small_loads_need_no_disk(tmp_path: Path) -> None:
    """A folder that is not there would be found out."""
    rows = random_rows(2_000, keys=50)
    counts = compared(rows, 1 << 20, folder=tmp_path / "none")
    assert counts == ReplacementCounts(oracle(rows), None)


def test_what_is_written_is_seen_and_given_back(tmp_path: Path) -> None:
    replacements = Replacements(144 * 10, tmp_path)
    assert replacements.disk_bytes == 0
    for row in random_rows(25, keys=1000):
        replacements.add(row.version, 0, [row.position])
    assert replacements.disk_bytes == 20 * 24
    open_before = len(list(Path("/proc/self/fd").iterdir()))
    replacements.close()
    replacements.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == open_before - 1
    assert list(tmp_path.iterdir()) == []


def test_full_disk_is_said_and_neighbours_are_still_compared(tmp_path: Path) -> None:
    rows = random_rows(20_000, keys=1_000)
    rows += [Row(9, 20_000, 1, 1), Row(9, 20_001, 1, 2)]
    with mounted(tmp_path / "disk", "64k") as folder:
        counts = compared(rows, 144 * 1000, folder=folder)
        free = os.statvfs(folder)
        assert free.f_bfree == free.f_blocks
    assert counts.incomplete == (
        f"cannot keep rows in {folder} to compare them: No space left on device;"
        " make room there, or set TMPDIR"
    )
    assert counts.by_file[9].count == 1
    exact = oracle(rows)
    found = sum(file.count for file in counts.by_file.values())
    assert 0 < found < sum(file.count for file in exact.values())
    assert all(file.count <= exact[number].count for number, file in counts.by_file.items())


def test_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    rows = random_rows(100, keys=1_000_000)
    counts = compared(rows, NO_MEMORY, folder=tmp_path / "none")
    assert counts.incomplete is not None
    assert f"{tmp_path}/none" in counts.incomplete
    assert "No such file" in counts.incomplete


def test_disk_that_fails_at_the_end_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "preadv", broken)
    counts = compared(random_rows(100, keys=1_000_000), NO_MEMORY)
    assert counts.incomplete is not None
    assert "Input/output error" in counts.incomplete


def test_rows_may_come_from_one_thread_after_the_other() -> None:
    rows = random_rows(5_000, keys=200)
    replacements = Replacements(144 * 100)
    with ThreadPoolExecutor(4) as threads:
        for block in blocks(rows, 100):
            versions = b"".join(row.version for row in block)
            positions = [row.position for row in block]
            threads.submit(replacements.add, versions, block[0].file_number, positions).result()
        counts = threads.submit(replacements.finish).result()
    assert counts.by_file == oracle(rows)


@settings(max_examples=200, deadline=None)
@given(st.lists(few_keys | near_keys | any_keys, max_size=60))
def test_order_is_that_of_a_stable_sort(keys: list[int]) -> None:
    order = stable_order(np.array(keys, dtype=np.uint64))
    assert order.tolist() == sorted(range(len(keys)), key=lambda index: keys[index])


@pytest.mark.parametrize("kind", ["unique", "replaced", "one key"])
def test_memory_is_bounded(kind: str) -> None:
    code = f"""
import resource
import numpy as np
from utility_ts_analytics.files.replaced.replacements import Replacements
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
rows, bound = 8192, 8 << 20
random = np.random.default_rng(1)
warm = Replacements(144 * 1000)
warm.add(random.integers(0, 2**64, size=(3000, 2), dtype=np.uint64).tobytes(), 0, range(3000))
warm.finish()
replacements = Replacements(bound)
before = peak()
for number in range(250):
    if {kind!r} == "replaced":
        random = np.random.default_rng(number % 125)
    versions = random.integers(0, 2**64, size=(rows, 2), dtype=np.uint64)
    versions[:, 1] += np.uint64(number)
    if {kind!r} == "one key":
        versions[:, 0] = 1
    replacements.add(versions.tobytes(), 0, range(rows * number, rows * (number + 1)))
disk = replacements.disk_bytes
found = sum(file.count for file in replacements.finish().by_file.values())
print((peak() - before) / bound, disk, found)
"""
    shown = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout
    share, disk, found = shown.split()
    assert float(share) < 1.3
    rows = 250 * 8192
    assert int(found) == {"unique": 0, "replaced": rows // 2, "one key": rows - 1}[kind]
    assert int(disk) < 10_000 if kind == "one key" else int(disk) > 0.9 * rows * 24
