"""One run of the archive: its settings, and an export of rows to compare with files."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from utility_ts_analytics.archive.contents import engine_trouble
from utility_ts_analytics.archive.engine import Engine
from utility_ts_analytics.archive.export import QuestDBHttp, day_sql, export
from utility_ts_analytics.archive.folder import (
    export_path,
    make_day_folder,
    spill_folder,
    writing,
)
from utility_ts_analytics.archive.tables import ArchiveTable
from utility_ts_analytics.clock import Clock
from utility_ts_analytics.database.table_spec import ColumnSpec

Progress = Callable[[str, int, int], None]
"""Called with a text, the number of files done, and the number of files."""


@dataclass(frozen=True, slots=True)
class ArchiveJob:
    """One run.

    Attributes:
        root: The archive's folder; exists.
        shard: Name of this QuestDB's files.
        tables: What is archived.
        pg_uri: QuestDB's pgwire; a secret.
        server: QuestDB's HTTP server.
        event_ids: Whether tables by day keep `event_id`.
        final_after_hours: A day (UTC) is final so many hours after its end.
        memory_mib: What DuckDB may use, MiB.
        clock: Time.
        progress: Called for every file.
    """

    root: Path
    shard: str
    tables: Sequence[ArchiveTable]
    pg_uri: str
    server: QuestDBHttp
    event_ids: bool
    final_after_hours: int
    memory_mib: int
    clock: Clock
    progress: Progress = lambda text, done, total: None

    def now(self) -> datetime:
        """Return the time; aware, UTC."""
        return datetime.fromtimestamp(self.clock.wall_ns() / 1e9, tz=UTC)

    def is_final(self, day: date | None, exported_at: datetime) -> bool:
        """Return whether a day that is exported then is final; None (a whole table) never is."""
        if day is None:
            return False
        end = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
        return end + timedelta(hours=self.final_after_hours) <= exported_at

    def engine(self) -> Engine:
        """Return a DuckDB for one file; closing it frees its memory."""
        return Engine(memory_mib=self.memory_mib, spill=spill_folder(self.root, self.shard))


@contextmanager
def exported(
    job: ArchiveJob,
    table: ArchiveTable,
    columns: Sequence[ColumnSpec],
    days: tuple[date, date] | None,
    *,
    path: Path,
) -> Iterator[tuple[Engine, Path]]:
    """Lend QuestDB's rows of days as a Parquet file, and an engine to read it. Blocks its thread.

    Args:
        job: The run.
        table: Which.
        columns: Those that are exported.
        days: First and last day; None for the whole table.
        path: The archived file that the rows are compared with, for messages.

    Raises:
        QuestDBUnavailable: QuestDB is away.
        OperatorError: QuestDB refuses, or the disk or a file is in trouble.
    """
    raw = export_path(job.root, table.name, job.shard)
    with writing(raw), engine_trouble(raw, path):
        make_day_folder(raw.parent)
        try:
            export(job.server, day_sql(table.name, columns, table.spec.timestamp, days), raw)
            with job.engine() as engine:
                yield engine, raw
        finally:
            raw.unlink(missing_ok=True)
