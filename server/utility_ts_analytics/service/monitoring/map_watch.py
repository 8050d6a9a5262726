"""Warns when QuestDB comes near the kernel's limit on memory maps, and says what to set.

A warning, not a reason to be unready: rows are stored until the limit is reached.
"""

import asyncio
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import structlog

from utility_ts_analytics.clock import Clock
from utility_ts_analytics.config import Config
from utility_ts_analytics.database.memory_maps import (
    MAPS_LIMIT_ADVISED,
    MAPS_LIMIT_DEFAULT,
    READER_SETTING,
    MemoryMaps,
    PartitionedTable,
    read_kept_partitions,
    read_memory_maps,
    read_partitions,
)
from utility_ts_analytics.database.pool import DEFAULT_PORT, StatementRefused, connected
from utility_ts_analytics.errors import QuestDBUnavailable
from utility_ts_analytics.service.monitoring.stores_watch import named

INTERVAL_S = 60.0
_TIMEOUT_S = 10.0

_OTHER_MAPS = 2_000
"""An idle QuestDB has 600; applying commits of any number of days took up to 500 more."""
_READERS = 2
"""Concurrent queries over all of the tables that must fit."""
_USED_SHARE = 0.75
_KEPT_PARTITIONS = 100

_SET = f"sysctl -w vm.max_map_count={MAPS_LIMIT_ADVISED}"
_SEE = "see docs/OPERATIONS.md, Memory maps"

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class MapFacts:
    """The result of one look.

    Attributes:
        tables: Tables with partitions, most maps first.
        kept_partitions: Partitions that a reader keeps mapped per table; None if unknown.
        maps: Maps of the process and their limit; None if QuestDB is on another machine.
    """

    tables: Sequence[PartitionedTable]
    kept_partitions: int | None
    maps: MemoryMaps | None

    @property
    def maps_needed(self) -> int:
        """Maps in use while two queries without a time range run over each table."""
        return _OTHER_MAPS + _READERS * sum(table.maps for table in self.tables)


def _is_here(host: str) -> bool:
    """Tell whether QuestDB is known to be on this machine: by a loopback address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def look(config: Config) -> MapFacts:
    """Ask QuestDB for its partitions, and this machine for its limit.

    Raises:
        QuestDBUnavailable: QuestDB does not answer.
        StatementRefused: A table was dropped meanwhile.
    """
    uri = config.questdb.uri.reveal()
    address = urlsplit(uri)
    async with connected(uri) as connection:
        tables = await read_partitions(connection, timeout_s=_TIMEOUT_S)
        kept = await read_kept_partitions(connection, timeout_s=_TIMEOUT_S)
    maps = None
    if _is_here(address.hostname or ""):
        maps = await asyncio.to_thread(read_memory_maps, address.port or DEFAULT_PORT)
    return MapFacts(tables, kept, maps)


def partitions_text(facts: MapFacts) -> str:
    """Return a sentence with the number of partitions of each table. Pure."""
    largest = [f"{table.name} {table.partitions}" for table in facts.tables if table.partitions]
    return f"partitions: {', '.join(largest) or 'none yet'}"


def limit_text(facts: MapFacts) -> str:
    """Return a sentence with the limit, and the machine that has it. Pure."""
    if facts.maps is None:
        return (
            "memory maps: QuestDB is not on this machine, whose vm.max_map_count says nothing of"
            f" it; {facts.maps_needed} needed there, {MAPS_LIMIT_DEFAULT} is Linux's default"
        )
    if facts.maps.limit is None:
        return "memory maps: this machine has no vm.max_map_count"
    used = "" if facts.maps.used is None else f", QuestDB has {facts.maps.used} now"
    return (
        f"memory maps: {facts.maps_needed} needed for two queries over all days at once; this"
        f" machine's vm.max_map_count is {facts.maps.limit}{used}"
    )


def warnings(facts: MapFacts) -> list[str]:
    """Return one line for each way to come near the limit, with what to set. Pure."""
    found = []
    limit = facts.maps.limit if facts.maps is not None else None
    used = facts.maps.used if facts.maps is not None else None
    if limit is not None and facts.maps_needed > limit:
        largest = " and ".join(
            f"{table.partitions} days of {table.name}" for table in facts.tables[:2] if table.maps
        )
        found.append(
            f"memory maps: two queries without a time range over {largest} need"
            f" {facts.maps_needed}, this machine's vm.max_map_count is {limit}: beyond it QuestDB"
            f" suspends tables: {_SET}; {_SEE}"
        )
    if limit is not None and used is not None and used > limit * _USED_SHARE:
        found.append(
            f"memory maps: QuestDB has {used} of {limit} (this machine's vm.max_map_count): beyond"
            f" them it suspends tables: {_SET}; {_SEE}"
        )
    if (limit is None or limit < MAPS_LIMIT_ADVISED) and (
        facts.kept_partitions is not None and facts.kept_partitions > _KEPT_PARTITIONS
    ):
        kept_maps = _READERS * sum(
            min(table.partitions, facts.kept_partitions) * table.maps_each for table in facts.tables
        )
        if _OTHER_MAPS + kept_maps > (limit or MAPS_LIMIT_DEFAULT):
            found.append(
                f"memory maps: QuestDB keeps up to {facts.kept_partitions} days mapped after each"
                f" query: set its {READER_SETTING} to {_KEPT_PARTITIONS}; {_SEE}"
            )
    return found


class MapWatch:
    """Looks once a minute and keeps the warnings. One event loop.

    Args:
        databases: Where each QuestDB is, by the name of its shard (`Config.databases`).
        clock: For the waits.

    Attributes:
        found: Warnings of the last look at each of them; empty before the first.
    """

    def __init__(self, databases: Mapping[str, Config], clock: Clock) -> None:
        self.found: dict[str, Sequence[str]] = dict.fromkeys(databases, ())
        self._databases = databases
        self._clock = clock

    @property
    def warnings(self) -> list[str]:
        """All of them, with the names of shards."""
        return [named(shard, line) for shard, lines in self.found.items() for line in lines]

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.gather(*map(self.look, self._databases))
            await self._clock.sleep(INTERVAL_S)

    async def look(self, shard: str = "") -> None:
        """Look at one QuestDB now; the last warnings stay if it does not answer."""
        try:
            found = warnings(await look(self._databases[shard]))
        except (QuestDBUnavailable, StatementRefused):
            return  # `DatabaseWatch` reports that
        if found != self.found[shard]:
            for warning in found:
                text = named(shard, warning)
                _log.warning("QuestDB comes near a limit of the kernel", warning=text)
        self.found[shard] = found
