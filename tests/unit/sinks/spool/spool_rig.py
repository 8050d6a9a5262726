"""Rows, spools on a fast disk, and disks that fail where a test says."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

from utility_ts_analytics.sinks.spool.store import Appended, SpoolStore

from utility_ts_analytics.records.meter_usage import MeterUsage
from utility_ts_analytics.records.reading import Reading
from utility_ts_analytics.records.streams import STREAMS

SPEC = STREAMS["meter_usage"]
TS = datetime(2026, 1, 1, tzinfo=UTC)
MEMORY = Path("/dev/shm")  # noqa: S108 - directories of random names are made in it


def batch(number: int, rows: int = 1) -> list[Reading]:
    """Rows whose meters say which batch they are of."""
    return [MeterUsage(ts=TS, meter_id=f"{number}.{row}", kwh=1.0) for row in range(rows)]


def meters(rows: Sequence[Reading]) -> list[str]:
    return [row.meter_id for row in rows if isinstance(row, MeterUsage)]


@contextmanager
def fast_folder() -> Iterator[Path]:
    """A directory where a sync costs nothing, if this machine has one."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        yield Path(folder)


def new_store(
    folder: Path, *, bytes_max: int = 100_000_000, segment_bytes_max: int = 1_000_000
) -> SpoolStore:
    return SpoolStore(folder, SPEC, bytes_max=bytes_max, segment_bytes_max=segment_bytes_max)


def opened(folder: Path, *, segment_bytes_max: int = 1_000_000) -> SpoolStore:
    store = new_store(folder, segment_bytes_max=segment_bytes_max)
    assert store.open() is None
    return store


def fill(folder: Path, count: int, *, segment_bytes_max: int = 1_000_000) -> None:
    """Leave `count` one-row batches, from number 0, as a process that ended."""
    store = opened(folder, segment_bytes_max=segment_bytes_max)
    for number in range(count):
        assert isinstance(store.append(batch(number)), Appended)
    store.close()


def deliver(store: SpoolStore) -> list[list[str]]:
    """Take out everything; the meters of each record."""
    delivered = []
    while (rows := store.oldest()) is not None:
        delivered.append(meters(rows))
        store.remove_oldest()
    return delivered


def numbered(*numbers: int) -> list[list[str]]:
    """What `deliver` returns for one-row batches with these numbers."""
    return [[f"{number}.0"] for number in numbers]


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/*/*.spool"))


def crashed(folder: Path, to: Path) -> Path:
    """What a disk holds if every process dies now: the same files, nobody's locks."""
    shutil.copytree(folder, to)
    return to


@contextmanager
def failing_write(error_number: int, *, after_bytes: int = 0) -> Iterator[None]:
    """Let `after_bytes` more bytes be written, in a short write, then fail."""
    left_bytes, write = after_bytes, os.pwrite

    def pwrite(fd: int, data: memoryview, offset: int) -> int:
        nonlocal left_bytes
        if left_bytes == 0:
            raise OSError(error_number, os.strerror(error_number))
        written = write(fd, data[:left_bytes], offset)
        left_bytes -= written
        return written

    with mock.patch.object(os, "pwrite", pwrite):
        yield


@contextmanager
def failing(call: str, error_number: int) -> Iterator[None]:
    """Make one function of `os` fail."""
    error = OSError(error_number, os.strerror(error_number))
    with mock.patch.object(os, call, side_effect=error):
        yield
