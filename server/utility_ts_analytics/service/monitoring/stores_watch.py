"""The watches on all databases of the service, as one: for the operations port."""

import asyncio
from collections.abc import Mapping

from utility_ts_analytics.asgi.responses import Json
from utility_ts_analytics.database.health import QuestDBHealth
from utility_ts_analytics.service.monitoring.database_watch import DatabaseWatch


class StoresWatch:
    """Runs one watch per shard, or the one there is. Same contract as `DatabaseWatch`.

    Lines and tables of a shard have its name in front: `shard north: ...`, `north/meter_usage`.

    Args:
        watches: By the name of the shard; the name is empty without shards.
    """

    def __init__(self, watches: Mapping[str, DatabaseWatch]) -> None:
        self._watches = watches

    @property
    def known(self) -> bool:
        """Whether every database was polled at least once, or need not be."""
        return all(watch.known for watch in self._watches.values())

    @property
    def shards_up(self) -> Mapping[str, bool]:
        """Whether each shard answered the last poll; empty without shards."""
        return {
            shard: watch.health.up
            for shard, watch in self._watches.items()
            if shard and watch.health is not None
        }

    @property
    def health(self) -> QuestDBHealth | None:
        """Result of the last polls, up if all are; None where no table is watched."""
        found = {shard: watch.health for shard, watch in self._watches.items()}
        known = {shard: health for shard, health in found.items() if health is not None}
        if not known:
            return None
        tables = {
            f"{shard}/{name}" if shard else name: table
            for shard, health in known.items()
            for name, table in health.tables.items()
        }
        down = [named(shard, health.reason) for shard, health in known.items() if not health.up]
        return QuestDBHealth(not down, "; ".join(down), tables)

    async def run(self) -> None:
        """Poll until cancelled; a database that is away delays no other."""
        await asyncio.gather(*(watch.run() for watch in self._watches.values()))

    def reasons(self) -> list[str]:
        """Return one line per reason not to be ready."""
        return [named(s, line) for s, watch in self._watches.items() for line in watch.reasons()]

    def warnings(self) -> list[str]:
        """Return one line per setting of a QuestDB that should be changed."""
        return [named(s, line) for s, watch in self._watches.items() for line in watch.warnings()]

    def facts(self) -> dict[str, Json] | None:
        """Return the member `questdb` of the status (`documents`)."""
        health = self.health
        if health is None:
            return None
        tables: dict[str, Json] = {
            name: {
                "exists": table.exists,
                "suspended": table.suspended,
                "dedup": table.dedup,
                "wal_lag_transactions": table.wal_lag_transactions,
            }
            for name, table in health.tables.items()
        }
        shards: dict[str, Json] = dict(self.shards_up)
        return {
            "up": health.up,
            "reason": health.reason,
            "tables": tables,
            **({"shards": shards} if shards else {}),
        }


def named(shard: str, line: str) -> str:
    """Return a line about a database with the name of its shard, if it has one."""
    return f"shard {shard}: {line}" if shard else line
