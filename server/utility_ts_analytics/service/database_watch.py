"""The database's health as the service uses it: why rows of a table must be refused just now."""

from collections.abc import Iterable, Mapping

from utility_ts_analytics.asgi.responses import Json
from utility_ts_analytics.buffering.block import Failure
from utility_ts_analytics.clock import Clock
from utility_ts_analytics.database.health import (
    UNKNOWN,
    HealthPoller,
    QuestDBHealth,
    stream_refusal,
)
from utility_ts_analytics.database.table_spec import TableSpec

_RETRY_AFTER_S = 5
_UNKNOWN_RETRY_AFTER_S = 1


class DatabaseWatch:
    """Polls QuestDB and keeps the verdict on each watched table. One event loop.

    Args:
        uri: pgwire, with the password; never shown.
        specs: What each watched table has to be, under its configured name.
        clock: For the waits between polls.
    """

    def __init__(self, uri: str, specs: Iterable[TableSpec], clock: Clock) -> None:
        self._specs = tuple(specs)
        self._poller = HealthPoller(uri, [spec.name for spec in self._specs], clock=clock)
        self._judged: QuestDBHealth = UNKNOWN
        self._failures: Mapping[str, Failure] = self._judge(UNKNOWN)

    @property
    def known(self) -> bool:
        """Whether QuestDB has been asked at all."""
        return self._poller.health is not UNKNOWN

    async def run(self) -> None:
        """Poll until cancelled."""
        await self._poller.run()

    async def poll(self) -> None:
        """Ask now; bounded by the poller's time-outs."""
        await self._poller.poll()

    def failure_of(self, table: str) -> Failure | None:
        """Return why rows for a watched table must be refused, or None."""
        return self._current().get(table)

    def reasons(self) -> list[str]:
        """Return one line per trouble, without repeating what all tables share."""
        return list(dict.fromkeys(failure.detail for failure in self._current().values()))

    def facts(self) -> dict[str, Json]:
        """Return what is known, for the status."""
        health = self._poller.health
        tables: dict[str, Json] = {
            name: {
                "exists": table.exists,
                "suspended": table.suspended,
                "dedup": table.dedup,
                "wal_lag_transactions": table.wal_lag_transactions,
            }
            for name, table in health.tables.items()
        }
        return {"up": health.up, "reason": health.reason, "tables": tables}

    def _current(self) -> Mapping[str, Failure]:
        health = self._poller.health
        if health is not self._judged:
            self._failures = self._judge(health)
            self._judged = health
        return self._failures

    def _judge(self, health: QuestDBHealth) -> dict[str, Failure]:
        wait_s = _UNKNOWN_RETRY_AFTER_S if health is UNKNOWN else _RETRY_AFTER_S
        refusals = ((spec.name, stream_refusal(health, spec)) for spec in self._specs)
        return {name: Failure(r.code, r.detail, wait_s) for name, r in refusals if r is not None}
