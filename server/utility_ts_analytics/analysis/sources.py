"""Sources of rows for questions: the archive where it is current, QuestDB for the rest.

A day is taken from the archive if QuestDB says that nothing was committed to it since the last pass
of `archive`, or, where QuestDB cannot say, if the day is final. Every other day is exported anew,
days that follow each other in one answer of QuestDB, which is one state of the table.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

from utility_ts_analytics.analysis.tables import COLUMNS, COMMITS
from utility_ts_analytics.archive.contents import ArchivedDay, days_of, reference_of
from utility_ts_analytics.archive.export import QuestDBHttp, ask, export, http_of, range_sql
from utility_ts_analytics.archive.state import changed_since, read_state
from utility_ts_analytics.config import Config
from utility_ts_analytics.database.pool import connected
from utility_ts_analytics.errors import ConfigError
from utility_ts_analytics.queries.time_range import TimeRange

HEAD_LOOK_BACK: Final = timedelta(days=31)
"""A node counts as the head of its feeder for this long after a measurement."""

_DAY: Final = timedelta(days=1)

_COMMITS_SQL: Final = (
    "SELECT timestamp AS committed_at, minTimestamp AS oldest, maxTimestamp AS newest,"
    " rowCount AS row_count FROM wal_transactions('{table}') WHERE alterCommandType = 0"
)
"""Other types than 0 change the table, such as TRUNCATE."""

_VARCHARS_SQL: Final = (
    "SELECT table_name, column_name FROM information_schema.questdb_columns()"
    " WHERE data_type = 'VARCHAR'"
)


@dataclass(frozen=True, slots=True)
class Sources:
    """Where to look.

    Attributes:
        archive: Its folder; None where there is none.
        shard: Name of QuestDB's files in it.
        server: QuestDB over HTTP; None asks the archive alone.
        pg_uri: QuestDB over pgwire, a secret; "" with `server` None.
        tables: Names in QuestDB of the streams' tables, where they differ.
        fresh: Use only dropped days of the archive, not every final day, where QuestDB cannot tell
            what changed.
        others: The other shards, each as a source of its own with the same archive; without
            others.
    """

    archive: Path | None
    shard: str = "main"
    server: QuestDBHttp | None = None
    pg_uri: str = field(default="", repr=False)
    tables: Mapping[str, str] = field(default_factory=dict)
    fresh: bool = False
    others: tuple["Sources", ...] = ()

    @property
    def databases(self) -> tuple["Sources", ...]:
        """All of them, this one first."""
        return (self, *self.others)

    def name_of(self, table: str) -> str:
        """Return the name in QuestDB and in the archive."""
        return self.tables.get(table, table)


@dataclass(slots=True)
class Origin:
    """Where the rows of one table came from.

    Attributes:
        table: Its name.
        archived_days: Days read from the archive; with shards, of each shard.
        fresh_days: Days read from QuestDB; with shards, of each shard.
        as_of: When the oldest of the archived days that QuestDB cannot vouch for was exported;
            None where all are known to be equal to QuestDB's.
    """

    table: str
    archived_days: int = 0
    fresh_days: int = 0
    as_of: datetime | None = None


def sources_of(
    config: Config, *, archive: Path | None = None, offline: bool = False, fresh: bool = False
) -> Sources:
    """Return where rows come from: the configured archive and QuestDB.

    Args:
        config: Of the service.
        archive: Folder in the place of `archive.dir`.
        offline: Leave QuestDB out.
        fresh: As `Sources` takes it.

    Raises:
        ConfigError: `offline` without an archive.
    """
    settings = config.archive
    folder = archive or (None if settings.dir is None else Path(settings.dir))
    tables = config.stream_tables
    if offline:
        if folder is None:
            raise ConfigError(["--offline: needs an archive: set archive.dir, or give --dir"])
        return Sources(folder, settings.shard, tables=tables)
    if folder is not None and not folder.is_dir():
        folder = None  # before the first pass of `archive` there is none, and nothing in it
    first, *others = (
        Sources(
            folder,
            one.archive.shard,
            http_of(one.questdb),
            one.questdb.pgwire_uri,
            tables=tables,
            fresh=fresh,
        )
        for one in config.databases.values()
    )
    return replace(first, others=tuple(others))


class RowFiles:
    """Parquet files with the rows of tables: archived ones, and exports of QuestDB.

    Args:
        sources: Where to look.
        folder: For what QuestDB sends; exists.
    """

    def __init__(self, sources: Sources, folder: Path) -> None:
        self._sources = sources
        self._folder = folder
        self._known_varchars: dict[str, frozenset[tuple[str, str]]] = {}

    def of_period(self, table: str, period: TimeRange) -> tuple[list[Path], Origin]:
        """Return files with the rows of a table by day, and where they came from.

        They hold whole days (UTC), so more than the period where it cuts one. Of
        `network_measurements` the 31 days before are among them.

        Args:
            table: One of `BY_DAY`.
            period: Of the question.

        Raises:
            QuestDBUnavailable: QuestDB is asked and away.
            OperatorError: The archive or a table cannot be used.
            OSError: The folder has no room.
        """
        sources = self._sources
        start = period.start - (HEAD_LOOK_BACK if table == "network_measurements" else timedelta())
        first, last = start.date(), (period.end - timedelta(microseconds=1)).date()
        name = sources.name_of(table)
        archived = [] if sources.archive is None else days_of(sources.archive, name, first, last)
        origin = Origin(table)
        if sources.server is None:
            origin.archived_days = len({day.day for day in archived})
            origin.as_of = min((day.exported_at for day in archived), default=None)
            return [day.path for day in archived], origin
        shards = {one.shard for one in sources.databases}
        files = [day.path for day in archived if day.shard not in shards]
        for one in sources.databases:
            usable = _usable(one, name, archived, origin)
            files += [day.path for day in archived if day.shard == one.shard and day.day in usable]
            origin.archived_days += len(usable)
            wanted = [first + number * _DAY for number in range((last - first).days + 1)]
            for run in _runs(day for day in wanted if day not in usable):
                origin.fresh_days += len(run)
                files.append(self._exported(one, table, (run[0], run[-1])))
        return files, origin

    def of_table(self, table: str) -> list[Path]:
        """Return files with all rows of a small table; errors as `of_period`."""
        sources = self._sources
        if sources.server is not None:
            return [self._exported(one, table, None) for one in sources.databases]
        if sources.archive is None or table == COMMITS:
            return []
        return reference_of(sources.archive, sources.name_of(table))

    def _exported(self, source: Sources, table: str, days: tuple[date, date] | None) -> Path:
        assert source.server is not None  # noqa: S101 - asked for exports alone
        path = self._folder / f"{table}-{days[0] if days else 'all'}-{source.shard}.parquet"
        name = self._sources.name_of(table)
        if table == COMMITS:
            sql = _COMMITS_SQL.format(table=self._sources.name_of("meter_usage"))
        else:
            where = range_sql("ts", days)
            if table == "network_measurements":
                where += " AND quantity = 'active_power'"
            varchars = self._varchars(source.server)
            columns = ", ".join(
                # Without the cast 9.3.4 exports NULL for all of a VARCHAR column with short texts
                # alone. A SYMBOL goes as it is: with its dictionary, in half the time, and quicker
                # to read.
                f'"{column}"::STRING AS "{column}"'
                if (name.lower(), column) in varchars
                else f'"{column}"'
                for column in COLUMNS[table]
            )
            sql = f'SELECT {columns} FROM "{name}"{where}'  # noqa: S608 - names of ours
        export(source.server, sql, path)
        return path

    def _varchars(self, server: QuestDBHttp) -> frozenset[tuple[str, str]]:
        """Return table (in lower case) and name of every VARCHAR column that a QuestDB has."""
        if server.address not in self._known_varchars:
            self._known_varchars[server.address] = frozenset(
                (str(table).lower(), str(column)) for table, column in ask(server, _VARCHARS_SQL)
            )
        return self._known_varchars[server.address]


def _runs(days: Iterable[date]) -> list[list[date]]:
    """Return rising days as runs of days that follow each other."""
    runs: list[list[date]] = []
    for day in days:
        if runs and runs[-1][-1] + _DAY == day:
            runs[-1].append(day)
        else:
            runs.append([day])
    return runs


def _usable(
    sources: Sources, name: str, archived: Sequence[ArchivedDay], origin: Origin
) -> set[date]:
    """Return the days whose archived rows can be used instead of this QuestDB's."""
    own = [day for day in archived if day.shard == sources.shard]
    if not own or sources.archive is None:
        return set()
    dropped = set(read_state(sources.archive, name, sources.shard).dropped)
    # In a thread: the caller may be in an event loop, as notebooks are.
    with ThreadPoolExecutor(max_workers=1) as thread:
        changed = thread.submit(asyncio.run, _changed(sources, sources.archive, name)).result()
    if changed is None:
        final = [day for day in own if day.day in dropped or (day.final and not sources.fresh)]
        stamps = [day.exported_at for day in final]
        if origin.as_of is not None:
            stamps.append(origin.as_of)
        origin.as_of = min(stamps, default=None)
        return {day.day for day in final}
    return {day.day for day in own if day.day not in changed or day.day in dropped}


async def _changed(sources: Sources, archive: Path, name: str) -> frozenset[date] | None:
    async with connected(sources.pg_uri) as connection:
        return await changed_since(connection, archive, name, shard=sources.shard)
