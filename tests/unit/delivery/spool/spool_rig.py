"""Rows, and spools in folders where a sync costs nothing."""

import contextlib
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from utility_ts_analytics.clock import SystemClock
from utility_ts_analytics.delivery.spool import Appended
from utility_ts_analytics.delivery.spool.database import SpoolDatabase
from utility_ts_analytics.records.reading import Reading
from utility_ts_analytics.records.streams import STREAMS, MeterUsage

SPEC = STREAMS["meter_usage"]
TS = datetime(2026, 1, 1, tzinfo=UTC)
MEMORY = Path("/dev/shm")  # noqa: S108 - directories of random names are made in it
ORIGIN = 17


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


class Store(SpoolDatabase):
    """A spool's database that keeps the number of rows for itself."""

    def __init__(self, folder: Path, *, max_bytes: int = 100_000_000) -> None:
        self.rows = 0
        super().__init__(
            folder,
            SPEC,
            max_bytes=max_bytes,
            clock=SystemClock(),
            note_rows=self._keep,
            known_rows=lambda: self.rows,
        )

    def _keep(self, rows: int) -> None:
        self.rows = rows

    def add(self, number: int, rows: int = 1) -> int:
        """Append a batch and return the number of its record."""
        result = self.append(batch(number, rows), ORIGIN)
        assert isinstance(result, Appended), result
        return result.number

    def deliver(self) -> list[list[str]]:
        """Take out everything; the meters of each record."""
        delivered = []
        while (record := self.oldest()) is not None:
            delivered.append(meters(record.rows))
            self.remove(record.number)
        return delivered


def opened(folder: Path, *, max_bytes: int = 100_000_000) -> Store:
    store = Store(folder, max_bytes=max_bytes)
    assert store.open() is None
    return store


def numbered(*numbers: int) -> list[list[str]]:
    """What `deliver` returns for one-row batches with these numbers."""
    return [[f"{number}.0"] for number in numbers]


def database_of(folder: Path) -> Path:
    [path] = folder.glob("*.sqlite3")
    return path


def change(folder: Path, statement: str) -> None:
    """Run a statement on the database, past the spool."""
    with contextlib.closing(sqlite3.connect(database_of(folder))) as database, database:
        database.execute(statement)
