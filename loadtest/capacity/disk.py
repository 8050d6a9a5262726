"""How many bytes of disk a row takes, while it is in the write-ahead log and afterwards."""

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
from loadtest.capacity.measuring import Database, Setting, measure
from loadtest.posting import split_bodies
from loadtest.questdb_rest import QuestDBRest
from loadtest.stored_comparison import TABLE

_PURGE_TIMEOUT_S = 90.0
"""QuestDB looks for logs that it can remove every 30 s."""


class _Directory(msgspec.Struct, array_like=True, frozen=True):
    name: str


@dataclass(frozen=True, slots=True)
class Disk:
    """Bytes per row that the table's directory takes, as `du` counts.

    Attributes:
        rows: In the table.
        applied: When all rows are visible, and the logs are still there.
        purged: When QuestDB has removed the logs.
        columns: Of `purged`, what the partitions take; the rest is symbol tables and the like.
    """

    rows: int
    applied: float
    purged: float
    columns: float


def measure_directory(directory: Path, keep: Callable[[Path], bool] = lambda _: True) -> int:
    """Return the bytes that the files below `directory` take on disk."""
    total = 0
    for path in directory.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # QuestDB goes on working
            if path.is_file() and keep(path):
                total += path.stat().st_blocks * 512
    return total


def measure_table(path: Path, database: Database) -> Disk:
    """Store the rows of `path` once and look at the table's directory."""
    bodies = split_bodies(path, 10_000)
    rows = sum(body.rows for body in bodies)
    measure([Setting("disk", path, bodies, 4)], database, turns=1)
    with QuestDBRest(database.ports.http) as rest:
        sql = f"SELECT directoryName FROM tables() WHERE table_name = '{TABLE}'"  # noqa: S608
        folder = database.directory / "db" / rest.rows(sql, _Directory)[0].name
    applied = measure_directory(folder)
    pause = threading.Event()
    for _ in range(int(_PURGE_TIMEOUT_S)):
        if not any(folder.glob("wal[0-9]*")):
            break
        pause.wait(1.0)
    purged = measure_directory(folder)
    columns = measure_directory(folder, lambda one: one.parent != folder)
    return Disk(rows, applied / rows, purged / rows, columns / rows)


def text(disk: Disk) -> str:
    """Return it in one line."""
    return (
        f"disk: {disk.rows:,} rows; bytes per row: {disk.applied:.0f} applied,"
        f" {disk.purged:.0f} once the log is purged, {disk.columns:.0f} of it in partitions"
    )
