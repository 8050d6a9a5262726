"""Copies the readings of an earlier configuration's databases into the shards of the present one.

QuestDB cannot delete the rows of single keys, so a database that gives partitions away is replaced:
its rows are copied into the shards that have their partitions now, and it is switched off. Nothing
is ever removed or overwritten: a row whose key a shard has already is left as it is there, since it
is the same one or a later version. So a copy can be killed and run again.
"""

import asyncio
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path

from utility_ts_analytics.archive.contents import engine_trouble
from utility_ts_analytics.archive.duckdb_sql import archived_value, quoted, same, scan
from utility_ts_analytics.archive.engine import SOURCE, Engine
from utility_ts_analytics.archive.export import QuestDBHttp, day_sql, export, http_of, open_http
from utility_ts_analytics.archive.lines import POST_ROWS, text_sql
from utility_ts_analytics.archive.restore import post_lines
from utility_ts_analytics.archive.tables import ArchiveTable, LiveState, archive_tables, read_live
from utility_ts_analytics.clock import Clock
from utility_ts_analytics.config import Config
from utility_ts_analytics.database.lasting import lasting
from utility_ts_analytics.database.schema import check_schema
from utility_ts_analytics.database.table_spec import ColumnSpec
from utility_ts_analytics.errors import ConfigError, OperatorError
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.service.monitoring.checks import CheckLine
from utility_ts_analytics.sinks.kafka.partitioning import as_numbers, key_partitions


@dataclass(slots=True)
class FillReport:
    """What was copied out of one table.

    Attributes:
        source: Address of the database.
        stream: Whose table it is.
        days: With rows.
        rows: Sent to each shard by this run, by its name.
        missing: One line per day of which rows are still in no shard.
    """

    source: str
    stream: str
    days: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[CheckLine]:
        """Yield what was done, and what is missing."""
        sent = ", ".join(f"{count:,} to {shard}" for shard, count in self.rows.items())
        yield CheckLine(
            f"{self.stream} of {self.source}: {self.days:,} days, rows sent: {sent or 'none'}",
            ok=True,
        )
        yield from (CheckLine(line, ok=False) for line in self.missing)


@dataclass(frozen=True, slots=True)
class _Copy:
    """One table of one database on its way. Attributes as of `fill_shards` and its reports."""

    server: QuestDBHttp
    table: ArchiveTable
    live: LiveState
    targets: Mapping[str, tuple[QuestDBHttp, LiveState]]
    shard_of: Sequence[str]
    folder: Path
    memory_mib: int


async def fill_shards(
    old: Config,
    new: Config,
    partitions: Mapping[str, int],
    *,
    clock: Clock,
    progress: Callable[[str], None],
) -> list[FillReport]:
    """Copy all readings, then look for each of them in the shards.

    Args:
        old: The earlier configuration. Databases that are shards of `new` too are left alone.
        new: With shards; nobody writes to them meanwhile.
        partitions: Of the topic of each stream.
        clock: For the wait until everything committed is visible.
        progress: Called for each day.

    Raises:
        ConfigError: A database that is a shard of both gives partitions away.
        QuestDBUnavailable: A server is away; run it again.
        OperatorError: A table is not as sql/schema says, a row has no key, or a server refuses
            rows.
    """
    sources = _sources(old, new, max(partitions.values(), default=1))
    reports = []
    with tempfile.TemporaryDirectory(prefix="ingestion-fill-") as folder:
        for one in sources:
            for table in archive_tables(new.stream_tables):
                if table.stream is None or table.stream not in partitions:
                    continue
                prepared = partial(
                    _prepared,
                    one,
                    new,
                    table,
                    partitions=partitions[table.stream],
                    folder=Path(folder),
                    clock=clock,
                )
                copy = await prepared()
                report = FillReport(copy.server.address, table.stream, len(copy.live.days))
                for day in copy.live.days:
                    progress(f"copying {table.name} {day} of {copy.server.address}")
                    await asyncio.to_thread(_copy_day, copy, day, report)
                # Again from the databases: rows that were sent are visible now.
                copy = await prepared()
                for day in copy.live.days:
                    progress(f"comparing {table.name} {day} of {copy.server.address}")
                    await asyncio.to_thread(_compare_day, copy, day, report)
                reports.append(report)
    return reports


def _sources(old: Config, new: Config, partitions: int) -> list[Config]:
    """Return the databases whose rows have to be copied.

    Raises:
        ConfigError: One of the others gives partitions away.
    """
    shards = {str(one.ilp_http_addr): one for one in new.questdb.shards}
    sources, problems = [], []
    for name, one in old.databases.items():
        address = str(one.questdb.ilp_http_addr)
        kept = shards.get(address)
        if kept is None:
            sources.append(one)
            continue
        had = old.questdb.shards.partitions_of(name) or frozenset(range(partitions))
        if not had <= frozenset(kept.partitions.numbers):
            problems.append(
                f"questdb.shards: shard {kept.name} ({address}) gives partitions away, and QuestDB"
                " cannot delete the rows of single keys: give it a new, empty QuestDB"
            )
    if problems:
        raise ConfigError(problems)
    return sources


async def _prepared(
    source: Config,
    new: Config,
    table: ArchiveTable,
    *,
    partitions: int,
    folder: Path,
    clock: Clock,
) -> _Copy:
    """Read the state of a table in all databases, everything that was committed included."""
    targets = {}
    live = await _live(source, table, clock)
    for shard, one in new.databases.items():
        # ILP would make a missing table or column by itself, without DEDUP.
        wrong = [d for d in await check_schema(one.questdb.pgwire_uri, [table.spec]) if d.is_error]
        if wrong:
            raise OperatorError(f"cannot fill shard {shard}: {wrong[0]}")
        targets[shard] = (http_of(one.questdb), await _live(one, table, clock))
        known = {column.name for column in targets[shard][1].columns}
        for column in live.columns:
            if column.name not in known:
                raise OperatorError(
                    f"cannot fill shard {shard}: {table.name} has no column {column.name} there;"
                    f" add it with ALTER TABLE {table.name} ADD COLUMN {column.name} {column.type}"
                )
    shards = new.questdb.shards
    shard_of = [shards.shard_of(number) for number in range(partitions)]
    server = http_of(source.questdb)
    return _Copy(server, table, live, targets, shard_of, folder, new.archive.memory_mib)


async def _live(config: Config, table: ArchiveTable, clock: Clock) -> LiveState:
    async with lasting(config.questdb.pgwire_uri) as connection:
        return await read_live(connection, table, event_ids=True, clock=clock)


def _copy_day(copy: _Copy, day: date, report: FillReport) -> None:
    """Send the rows of one day that no shard has to the shards of their keys."""
    for rows in _missing(copy, day):
        for shard, lines in rows.items():
            server, _ = copy.targets[shard]
            connection = open_http(server)
            try:
                text = "".join(lines).encode()
                post_lines(server, connection, text, f"fill shard {shard}")
            finally:
                connection.close()
            report.rows[shard] = report.rows.get(shard, 0) + len(lines)


def _compare_day(copy: _Copy, day: date, report: FillReport) -> None:
    count = sum(len(lines) for rows in _missing(copy, day) for lines in rows.values())
    if count:
        report.missing.append(
            f"{copy.table.name} {day} of {copy.server.address}: {count:,} rows are in no shard; run"
            " it again"
        )


def _missing(copy: _Copy, day: date) -> Iterator[dict[str, list[str]]]:
    """Yield ILP lines of the rows of a day that no shard has, by the shard of their keys."""
    raw = copy.folder / "rows.parquet"
    with engine_trouble(raw, raw), Engine(memory_mib=copy.memory_mib, spill=copy.folder) as engine:
        _export(copy.server, copy.table, copy.live.columns, day, raw)
        there = []
        keys = [column for column in copy.live.columns if column.name in copy.table.keys]
        for index, (server, live) in enumerate(copy.targets.values()):
            if day in live.days:
                there.append(copy.folder / f"keys{index}.parquet")
                _export(server, copy.table, keys, day, there[-1])
        for batch in engine.stream(_lines_sql(copy, there), raw, batch_rows=POST_ROWS):
            lines, names = batch.column(0).to_pylist(), batch.column(1).to_pylist()
            if None in names:  # another client wrote it
                raise OperatorError(
                    f"cannot fill shards: {copy.table.name} {day} of {copy.server.address} has rows"
                    " without a key, which belong to no shard"
                )
            numbers = as_numbers(key_partitions(names, len(copy.shard_of)))
            rows: dict[str, list[str]] = {}
            for line, number in zip(lines, numbers, strict=True):
                rows.setdefault(copy.shard_of[number], []).append(line)
            yield rows


def _export(
    server: QuestDBHttp, table: ArchiveTable, columns: Sequence[ColumnSpec], day: date, path: Path
) -> None:
    export(server, day_sql(table.name, columns, table.spec.timestamp, (day, day)), path)


def _lines_sql(copy: _Copy, there: Sequence[Path]) -> str:
    """Return the query for line and key of each row that none of the files `there` has."""
    assert copy.table.stream is not None  # noqa: S101 - others are not copied
    rows = f"SELECT o.* FROM {SOURCE} o"
    if there:
        keys = ", ".join(map(quoted, copy.table.keys))
        found = " UNION ALL ".join(f"SELECT {keys} FROM {scan(path)}" for path in there)
        rows += f" ANTI JOIN ({found}) n ON {same(copy.table.keys)}"
    values = ", ".join(map(archived_value, copy.live.columns))
    key = STREAMS[copy.table.stream].key_field
    lines = text_sql(copy.table, copy.live.columns, key_field=key)
    return lines.replace(SOURCE, f"(SELECT {values} FROM ({rows}))")
