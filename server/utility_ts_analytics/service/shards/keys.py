"""Whether every meter and plant is in the shard that its partition belongs to, and only there."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from msgspec import Struct

from utility_ts_analytics.clock import Clock
from utility_ts_analytics.config import Config
from utility_ts_analytics.database.batches import open_batches
from utility_ts_analytics.database.lasting import lasting
from utility_ts_analytics.database.pool import Connection
from utility_ts_analytics.database.schema import wait_applied
from utility_ts_analytics.database.typed_query import Query, shape_of
from utility_ts_analytics.queries.literals import quote_text
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.service.monitoring.checks import CheckLine
from utility_ts_analytics.sinks.kafka.partitioning import as_numbers, key_partitions

NAMED_MAX: Final = 1_000
"""Misplaced keys that are named, of each shard and stream; all are counted."""

_BATCH_KEYS: Final = 10_000
_ASKED_KEYS: Final = 100
_TIMEOUT_S: Final = 120.0


class _KeyRow(Struct, frozen=True, gc=False):
    key: str | None


@dataclass(slots=True)
class KeyReport:
    """The keys of one stream in one shard.

    Attributes:
        shard: Name of the shard.
        stream: Name of the stream.
        keys: How many there are.
        misplaced: How many of them belong to another shard.
        named: Up to `NAMED_MAX` of those: partition and right shard by key.
        doubled: Those of `named` that are in the right shard too.
    """

    shard: str
    stream: str
    keys: int = 0
    misplaced: int = 0
    named: dict[str, tuple[int, str]] = field(default_factory=dict)
    doubled: set[str] = field(default_factory=set)

    def lines(self) -> Iterator[CheckLine]:
        """Yield what was found: one line if all is well, else one line per named key."""
        field_name = STREAMS[self.stream].key_field
        if not self.misplaced:
            text = f"{self.keys:,} {field_name}s of {self.stream}, each of its partitions"
            yield CheckLine(f"shard {self.shard}: {text}", ok=True)
            return
        for key, (partition, right) in self.named.items():
            also = "and is in both" if key in self.doubled else "and is not there"
            yield CheckLine(
                f"shard {self.shard}: {field_name} {key!r} of {self.stream} (partition"
                f" {partition}) belongs to shard {right} {also}",
                ok=False,
            )
        if self.misplaced > len(self.named):
            more = self.misplaced - len(self.named)
            text = f"{more:,} more {field_name}s of {self.stream} belong to other shards"
            yield CheckLine(f"shard {self.shard}: {text}", ok=False)


async def check_keys(
    config: Config, partitions: Mapping[str, int], clock: Clock
) -> list[KeyReport]:
    """Look at the keys of every stream in every shard. Memory does not grow with their number.

    A key that is in two shards is in a wrong one at least once, so it is always found.

    Args:
        config: With shards that have all partitions.
        partitions: Of the topic of each stream; streams that are left out are not looked at.
        clock: For the wait until everything committed is visible.

    Raises:
        QuestDBUnavailable: A shard is away.
        OperatorError: A table is missing, suspended or behind.
    """
    reports = []
    for shard, one in config.databases.items():
        async with lasting(one.questdb.pgwire_uri) as connection:
            for stream, count in partitions.items():
                table = config.streams[stream].table
                await wait_applied(connection, [table], clock=clock, timeout_s=_TIMEOUT_S)
                report = KeyReport(shard, stream)
                await _read_keys(connection, config, count, report)
                reports.append(report)
    for report in reports:
        await _find_doubled(config, report)
    return reports


async def _read_keys(
    connection: Connection, config: Config, partitions: int, report: KeyReport
) -> None:
    table, column = config.streams[report.stream].table, STREAMS[report.stream].key_field
    shards = config.questdb.shards
    shard_of = [shards.shard_of(number) for number in range(partitions)]
    # Without a key (another client wrote it) a row belongs to no partition.
    sql = f'SELECT DISTINCT "{column}" AS key FROM "{table}" WHERE "{column}" IS NOT NULL'
    query = Query(sql, _KeyRow)
    async with (
        open_batches(
            connection, query, shape_of(_KeyRow), batch_rows=_BATCH_KEYS, timeout_s=_TIMEOUT_S
        ) as batches,
    ):
        async for (keys,) in batches:
            texts = [str(key) for key in keys]
            report.keys += len(texts)
            numbers = as_numbers(key_partitions(texts, partitions))
            for key, number in zip(texts, numbers, strict=True):
                if shard_of[number] != report.shard:
                    report.misplaced += 1
                    if len(report.named) < NAMED_MAX:
                        report.named[key] = (number, shard_of[number])


async def _find_doubled(config: Config, report: KeyReport) -> None:
    """Ask the right shards for the keys that were found in the wrong one."""
    table, column = config.streams[report.stream].table, STREAMS[report.stream].key_field
    for shard in sorted({right for _, right in report.named.values()}):
        keys = [key for key, (_, right) in report.named.items() if right == shard]
        async with lasting(config.databases[shard].questdb.pgwire_uri) as connection:
            for start in range(0, len(keys), _ASKED_KEYS):
                asked = keys[start : start + _ASKED_KEYS]
                texts = ", ".join(map(quote_text, asked))
                sql = f'SELECT DISTINCT "{column}" FROM "{table}" WHERE "{column}" IN ({texts})'
                found = await connection.fetch(sql, timeout_s=_TIMEOUT_S)
                report.doubled.update(str(key) for (key,) in found)
