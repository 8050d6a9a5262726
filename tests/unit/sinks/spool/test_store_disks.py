"""Real disks that are full or read-only: a tmpfs of one mebibyte, mounted by the test."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.small_disk import mounted
from tests.unit.sinks.spool.spool_rig import SPEC, batch, deliver, meters, new_store, opened
from utility_ts_analytics.sinks.spool.store import Appended, SpoolBroken, SpoolFull

ROWS = 500


def mount(*options: str) -> None:
    done = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"mounting is not permitted here: {done.stderr.strip()}")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk", "1m") as disk:
        yield disk


def test_disk_that_fills_up_refuses_keeps_and_recovers(disk: Path) -> None:
    store = opened(disk, segment_bytes_max=100_000)
    number = 0
    while isinstance(outcome := store.append(batch(number, ROWS)), Appended):
        number += 1
    expected = SpoolFull("cannot spool 500 rows: No space left on device")
    assert outcome == expected
    assert store.append(batch(number, ROWS)) == expected
    assert number > 10
    assert store.pending_rows == number * ROWS
    for delivered in range(number):
        rows = store.oldest()
        assert rows is not None
        assert meters(rows) == meters(batch(delivered, ROWS))
        store.remove_oldest()
    assert isinstance(store.append(batch(77, 1)), Appended)
    assert deliver(store) == [["77.0"]]
    store.close()
    assert list((disk / SPEC.name).iterdir()) == []


def test_disk_that_is_full_at_the_start_is_one_line_and_passes(disk: Path) -> None:
    ballast = disk / "ballast"
    with pytest.raises(OSError, match="No space left"):
        ballast.write_bytes(bytes(2_000_000))
    store = new_store(disk)
    assert store.open() == (
        f"cannot use the spool directory {disk / SPEC.name}: No space left on device;"
        " make it writable, or change meter_usage.spool.dir"
    )
    assert isinstance(store.append(batch(0)), SpoolFull)
    ballast.unlink()
    assert isinstance(store.append(batch(1)), Appended)
    assert deliver(store) == [["1.0"]]
    store.close()


def test_disk_that_turns_read_only_hands_out_what_it_holds(disk: Path) -> None:
    first = opened(disk)
    first.append(batch(0))
    first.close()
    mount("-o", "remount,ro", str(disk))
    store = new_store(disk)
    refused = store.open()
    assert refused is not None
    assert "Read-only file system" in refused
    assert store.append(batch(1)) == SpoolBroken("cannot spool 1 rows: Read-only file system")
    assert deliver(store) == [["0.0"]]
    store.close()
