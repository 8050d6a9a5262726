"""Polls QuestDB's health, and decides whether rows of a table must be refused at the moment.

Some problems make the service unready without refusing rows: a growing WAL lag, or tables that
cannot be inspected while readings are still stored.
"""

import math
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping

from utility_ts_analytics.buffering.block import Failure
from utility_ts_analytics.clock import Clock
from utility_ts_analytics.database.health import (
    LAG_WINDOW_S,
    SEEN_AGE_S_MAX,
    UNKNOWN,
    HealthPoller,
    LagTrend,
    LastSeen,
    QuestDBHealth,
    health_on_trust,
    stream_refusal,
)
from utility_ts_analytics.database.table_spec import TableSpec

INTERVAL_S = 1.0
_RETRY_AFTER_S = 5
_UNKNOWN_RETRY_AFTER_S = 1


class DatabaseWatch:
    """Polls QuestDB and keeps a verdict on each watched table. One event loop.

    Args:
        uri: pgwire, with the password; never shown.
        specs: The expected form of each watched table, under its configured name.
        clock: For the waits between polls, and the age of the last answer.
        wal_lag_transactions_max: WAL lag above which a growing lag makes the service unready; 0
            switches this off.
        ping: Tells whether QuestDB's HTTP server answers; called only while pgwire does not answer.
        pinged: Tables written over ILP/HTTP: for them `ping` is enough for a while.

    Attributes:
        answered_s: When the last question that QuestDB answered was asked, monotonic seconds;
            minus infinity before.
    """

    def __init__(
        self,
        uri: str,
        specs: Iterable[TableSpec],
        clock: Clock,
        *,
        wal_lag_transactions_max: int = 0,
        ping: Callable[[], Awaitable[bool]] | None = None,
        pinged: Collection[str] = (),
    ) -> None:
        self._specs = tuple(specs)
        self._clock = clock
        self._ping = ping
        self._pinged = frozenset(pinged)
        self._poller = HealthPoller(uri, [spec.name for spec in self._specs])
        self._trends = {spec.name: LagTrend(wal_lag_transactions_max) for spec in self._specs}
        self._wal_lag_transactions_max = wal_lag_transactions_max
        self.answered_s = -math.inf
        self._seen: LastSeen | None = None
        self._polled: QuestDBHealth = UNKNOWN
        self._trusted: QuestDBHealth = UNKNOWN
        self._failures: Mapping[str, Failure] = self._judge()

    @property
    def known(self) -> bool:
        """Whether QuestDB was polled at least once, or need not be."""
        return self._polled is not UNKNOWN or not self._specs

    @property
    def health(self) -> QuestDBHealth | None:
        """Result of the last poll; None where no table is watched."""
        return self._polled if self._specs else None

    async def run(self) -> None:
        """Poll until cancelled; return at once where no table is watched."""
        try:
            while self._specs:
                await self.poll()
                await self._clock.sleep(INTERVAL_S)
        finally:
            await self._poller.close()

    async def poll(self) -> None:
        """Poll now; bounded by the poller's timeouts."""
        asked_s = self._clock.monotonic_s()
        polled = await self._poller.poll()
        ilp_answers = not polled.up and self._ping is not None and await self._ping()
        if polled.up or ilp_answers:
            self.answered_s = asked_s
        now_s = self._clock.monotonic_s()
        if polled.up:
            self._seen = LastSeen(polled, now_s)
            for name, table in polled.tables.items():
                self._trends[name].see(table.wal_lag_transactions, now_s)
        self._polled = polled
        self._trusted = health_on_trust(polled, self._seen, now_s=now_s, ilp_answers=ilp_answers)
        self._failures = self._judge()

    def failure_of(self, table: str) -> Failure | None:
        """Return why rows for a watched table must be refused; None if they need not be."""
        return self._failures.get(table)

    def reasons(self) -> list[str]:
        """Return one line per reason not to be ready; what all tables share stands once.

        Includes troubles that refuse no rows.
        """
        refused = [failure.detail for failure in self._failures.values()]
        unwatched = []
        if self._trusted is not self._polled and self._trusted.up:
            unwatched = [
                "the tables cannot be watched, readings are taken for up to"
                f" {SEEN_AGE_S_MAX:.0f} s on what was seen last: {self._polled.reason}"
            ]
        return list(dict.fromkeys([*refused, *unwatched, *self._lagging()]))

    def warnings(self) -> list[str]:
        """Return one line per setting of QuestDB that should be changed; they refuse no rows."""
        return list(self._polled.warnings)

    def _lagging(self) -> list[str]:
        return [
            f"{name}: {table.wal_lag_transactions} committed transactions wait to become visible,"
            f" over {self._wal_lag_transactions_max} (questdb.wal_lag_transactions_max) and not"
            f" fewer than {LAG_WINDOW_S:.0f} s ago; readings are taken, see the log"
            " and disk of QuestDB"
            for name, table in self._polled.tables.items()
            if self._trends[name].growing
        ]

    def _judge(self) -> dict[str, Failure]:
        wait_s = _RETRY_AFTER_S if self.known else _UNKNOWN_RETRY_AFTER_S
        failures = {}
        for spec in self._specs:
            health = self._trusted if spec.name in self._pinged else self._polled
            refusal = stream_refusal(health, spec)
            if refusal is not None:
                failures[spec.name] = Failure(refusal.code, refusal.detail, wait_s)
        return failures
