"""An archive of one test beside the session's QuestDB, whose tables it empties first."""

import asyncio
from datetime import date
from pathlib import Path
from typing import Protocol

import duckdb

from utility_ts_analytics.archive.drop import DropReport, drop_before
from utility_ts_analytics.archive.export import QuestDBHttp
from utility_ts_analytics.archive.job import ArchiveJob
from utility_ts_analytics.archive.restore import RestoreReport, restore_archive
from utility_ts_analytics.archive.tables import archive_tables
from utility_ts_analytics.archive.update import TableReport, update_archive
from utility_ts_analytics.archive.verify import VerifyReport, verify_archive
from utility_ts_analytics.clock import SystemClock
from utility_ts_analytics.database.access import PLAIN

DAY = date(2024, 3, 1)
NS = 1_000_000_000
DAY_NS = (19783 * 86400) * NS
"""The first instant of `DAY`."""


class Database(Protocol):
    @property
    def pg_uri(self) -> str: ...
    @property
    def http_port(self) -> int: ...
    def query(self, sql: str) -> list[tuple[object, ...]]: ...
    def write(self, lines: bytes) -> None: ...
    def wait_applied(self, table: str) -> None: ...
    def truncate(self, *tables: str) -> None: ...


class ArchiveRig:
    """One shard of an archive in `root`, of some tables of a QuestDB."""

    def __init__(
        self,
        questdb: Database,
        root: Path,
        *tables: str,
        shard: str = "main",
        event_ids: bool = False,
    ) -> None:
        self.questdb = questdb
        self.root = root
        wanted = tables or ("meter_usage",)
        self.job = ArchiveJob(
            root=root,
            shard=shard,
            tables=[table for table in archive_tables({}) if table.name in wanted],
            pg_uri=questdb.pg_uri,
            server=QuestDBHttp("127.0.0.1", questdb.http_port, PLAIN),
            event_ids=event_ids,
            final_after_hours=36,
            memory_mib=256,
            clock=SystemClock(),
        )

    def update(self) -> TableReport:
        """Run a pass; return what it did with the first table."""
        return asyncio.run(update_archive(self.job))[0]

    def verify(self) -> VerifyReport:
        return asyncio.run(verify_archive(self.job))

    def restore(self) -> RestoreReport:
        return asyncio.run(restore_archive(self.job))

    def drop_before(self, end: date) -> DropReport:
        return asyncio.run(drop_before(self.job, end))

    def write(self, *lines: str, table: str = "meter_usage") -> None:
        """Send lines and wait until they are visible."""
        self.questdb.write("".join(f"{line}\n" for line in lines).encode())
        self.questdb.wait_applied(table)

    def path(self, day: date = DAY, table: str = "meter_usage") -> Path:
        return self.root / table / f"day={day}" / f"{self.job.shard}.parquet"

    def rows(self, day: date = DAY, columns: str = "meter_id, kwh") -> list[tuple[object, ...]]:
        """Return columns of the rows of a day, all shards, sorted."""
        sql = f"SELECT {columns} FROM '{self.path(day).parent}/*.parquet' ORDER BY ALL"
        return duckdb.execute(sql).fetchall()


def reading(meter: str, kwh: float, *, day: int = 0, minute: int = 0, more: str = "") -> str:
    """Return the line of one reading, `day` days after `DAY`."""
    ts = DAY_NS + (day * 86400 + minute * 60) * NS
    return f"meter_usage,meter_id={meter} kwh={kwh}{more} {ts}"
