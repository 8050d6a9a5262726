"""Memory maps: the kernel's limit, and what a QuestDB on this machine uses and may need.

At the limit (`vm.max_map_count`) QuestDB suspends tables and refuses queries
(docs/decisions/0025-days-and-memory-maps.md). Reads /proc; without it nothing is known.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from utility_ts_analytics.database.pool import Connection, StatementRefused

READER_SETTING = "cairo.inactive.reader.max.open.partitions"
"""Partitions that a reader keeps mapped after its query; QuestDB 9.3.4 has 10000 by default."""


@dataclass(frozen=True, slots=True)
class PartitionedTable:
    """One table.

    Attributes:
        name: As QuestDB spells it.
        partitions: How many there are, >= 0.
        maps_each: Memory maps that reading one of them takes: one per column, two where the values
            differ in length (decision 0025).
    """

    name: str
    partitions: int
    maps_each: int

    @property
    def maps(self) -> int:
        """Memory maps of one query without a time range."""
        return self.partitions * self.maps_each


async def read_partitions(connection: Connection, *, timeout_s: float) -> list[PartitionedTable]:
    """Return the partitioned tables and views, those with the most maps first.

    About 1 ms for each table, 30 ms for one of 8,000 partitions.

    Args:
        connection: Left usable unless the call raises `QuestDBUnavailable`.
        timeout_s: For each query; there are two per table, and one.

    Raises:
        QuestDBUnavailable: No connection, or no answer in time.
        StatementRefused: A table was dropped meanwhile.
    """
    found = []
    for (name,) in await connection.fetch(_TABLES_SQL, timeout_s=timeout_s):
        # QuestDB allows no quote in a name (`test_questdb_allows_no_quote_in_a_table_name`).
        counted = f"SELECT count() FROM table_partitions('{name}')"  # noqa: S608
        [(partitions,)] = await connection.fetch(counted, timeout_s=timeout_s)
        columns = f"SELECT type FROM table_columns('{name}')"  # noqa: S608
        types = [str(type_) for (type_,) in await connection.fetch(columns, timeout_s=timeout_s)]
        maps_each = sum(2 if _is_of_any_length(type_) else 1 for type_ in types)
        found.append(PartitionedTable(str(name), int(str(partitions)), maps_each))
    return sorted(found, key=lambda table: (-table.maps, table.name))


async def read_kept_partitions(connection: Connection, *, timeout_s: float) -> int | None:
    """Return the value of `READER_SETTING`, or None where this QuestDB does not tell it."""
    try:
        rows = await connection.fetch(_SETTING_SQL, timeout_s=timeout_s)
    except StatementRefused:
        return None
    return int(str(rows[0][0])) if rows else None


_TABLES_SQL = "SELECT table_name FROM tables() WHERE partitionBy != 'NONE'"
_SETTING_SQL = f"SELECT value FROM (SHOW PARAMETERS) WHERE property_path = '{READER_SETTING}'"  # noqa: S608


def _is_of_any_length(type_: str) -> bool:
    return type_ in ("VARCHAR", "STRING", "BINARY") or type_.endswith("[]")


MAPS_LIMIT_DEFAULT = 65_530
"""Of Linux."""
MAPS_LIMIT_ADVISED = 1_048_576
"""Two hundred years of both streams, as QuestDB's own documentation advises."""

PROC = Path("/proc")
_LISTENING = "0A"


@dataclass(frozen=True, slots=True)
class MemoryMaps:
    """What is known of the maps of a QuestDB on this machine.

    Attributes:
        limit: `vm.max_map_count` of this machine; None where there is no such setting.
        used: Maps of QuestDB's process now; None if that is another user's, or not found.
    """

    limit: int | None
    used: int | None


def read_memory_maps(port: int, proc: Path = PROC) -> MemoryMaps:
    """Look at the process that listens on a TCP port of this machine.

    Reads the open files of every process of this user, some milliseconds: not for an event loop.

    Args:
        port: Where QuestDB listens.
        proc: Where the proc file system is.
    """
    limit = used = None
    with contextlib.suppress(OSError, ValueError):
        limit = int((proc / "sys/vm/max_map_count").read_text())
    pid = _listener(port, proc)
    if pid is not None:
        with contextlib.suppress(OSError):
            used = (proc / pid / "maps").read_bytes().count(b"\n")
    return MemoryMaps(limit, used)


def _listener(port: int, proc: Path) -> str | None:
    """Return the id of the process that listens on `port`, as far as this user may know it."""
    sockets = {f"socket:[{inode}]" for inode in _listening_sockets(port, proc)}
    if not sockets:
        return None
    for process in proc.iterdir():
        if not process.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            for file in (process / "fd").iterdir():
                with contextlib.suppress(OSError):
                    if str(file.readlink()) in sockets:
                        return process.name
    return None


def _listening_sockets(port: int, proc: Path) -> Iterator[str]:
    """Yield the inodes of the sockets that listen on `port`; see proc(5), /proc/net/tcp."""
    for name in ("tcp", "tcp6"):
        try:
            lines = (proc / "net" / name).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9]
