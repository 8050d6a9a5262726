"""One turn: send a day, one way of keeping views, and what it took QuestDB."""

import http.client
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
from loadtest.process_figures import cpu_spent_s, family
from loadtest.questdb_rest import QuestDBRest
from loadtest.stored_comparison import TABLE
from loadtest.view_cost.day import Day

from utility_ts_analytics.database.embedded import RunningQuestDB
from utility_ts_analytics.database.embedded_settings import HOST
from utility_ts_analytics.database.view_spec import view_specs

HOURLY, DAILY = f"{TABLE}_hourly", f"{TABLE}_daily"
_TIMER = "REFRESH EVERY 15m"
_PERIOD = " PERIOD (LENGTH 1d TIME ZONE 'UTC' DELAY 1h)"
_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class Mode:
    """One way to keep views.

    Attributes:
        name: For the table of results.
        views: Which of them there are.
        at_once: Refreshed after each request instead of when the timer fires.
        every: Groups of requests, each of 15 minutes, from one firing of the timer to the next.
        open_days: Whether the daily view has days that have not ended.
    """

    name: str
    views: tuple[str, ...] = ()
    at_once: bool = False
    every: int = 1
    open_days: bool = False

    def create_sql(self) -> Iterator[str]:
        """Yield the statements that create its views: those of `sql/views`, refreshed its way."""
        for spec in view_specs():
            if spec.name in self.views:
                sql = spec.create_sql.replace(_PERIOD, "") if self.open_days else spec.create_sql
                yield sql.replace(_TIMER, "REFRESH IMMEDIATE" if self.at_once else _TIMER)


MODES = (
    Mode("no views"),
    Mode("hourly, at once", (HOURLY,), at_once=True),
    Mode("hourly, 15 min", (HOURLY,)),
    Mode("hourly, 1 h", (HOURLY,), every=4),
    Mode("both, at once", (HOURLY, DAILY), at_once=True, open_days=True),
    Mode("both, 15 min", (HOURLY, DAILY), open_days=True),
    Mode("both, 15 min, ended days", (HOURLY, DAILY)),
    Mode("both, 1 h, ended days", (HOURLY, DAILY), every=4),
)


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """One turn.

    Attributes:
        rows: Sent.
        elapsed_s: From the first request until rows and views are visible, seconds.
        cpu_s: QuestDB's, all threads, in that time.
        written_rows: Physically, into tables and views.
        rss_bytes: Of QuestDB at the end.
    """

    rows: int
    elapsed_s: float
    cpu_s: float
    written_rows: int
    rss_bytes: int


class Rig:
    """Runs turns against one QuestDB."""

    def __init__(self, questdb: RunningQuestDB, rest: QuestDBRest, day: Day) -> None:
        self._questdb = questdb
        self._rest = rest
        self._day = day
        self._ilp = http.client.HTTPConnection(HOST, questdb.http_port, timeout=_TIMEOUT_S)

    def close(self) -> None:
        """Close the connection that the requests go over."""
        self._ilp.close()

    def run_turn(self, mode: Mode, *, paced: bool) -> Figures:
        """Run one turn with the table and the views made anew.

        Raises:
            RuntimeError: A request was refused, or a view does not follow.
        """
        for view in (HOURLY, DAILY):
            self._rest.execute(f"DROP MATERIALIZED VIEW IF EXISTS {view}")
        self._rest.truncate(TABLE)
        for body in self._day.before:
            self._send(body)
        self._rest.wait_applied(TABLE)
        for sql in mode.create_sql():
            self._rest.execute(sql)
        wait_views(self._rest, mode.views)
        before, written = family(self._questdb.pid), self._written_rows()
        started_s = time.monotonic()
        for number, requests in enumerate(self._day.groups, 1):
            for body in requests:
                self._send(body)
                if paced:
                    self._rest.wait_applied(TABLE)
                if paced and mode.at_once:
                    wait_views(self._rest, mode.views)
            if not mode.at_once and number % mode.every == 0:
                self._refresh(mode, wait=paced)
        self._rest.wait_applied(TABLE)
        self._refresh(mode, wait=True)
        elapsed_s = time.monotonic() - started_s
        after = family(self._questdb.pid)
        self._check(mode)
        return Figures(
            rows=self._day.rows,
            elapsed_s=elapsed_s,
            cpu_s=sum(cpu_spent_s(before, after).values()),
            written_rows=self._written_rows() - written,
            rss_bytes=sum(entry.rss_bytes for entry in after),
        )

    def _send(self, body: bytes) -> None:
        self._ilp.request("POST", "/write", body)
        answer = self._ilp.getresponse()
        content = answer.read()
        if answer.status != http.client.NO_CONTENT:
            raise RuntimeError(f"cannot write: {answer.status} {content[:300]!r}")

    def _refresh(self, mode: Mode, *, wait: bool) -> None:
        for view in mode.views:
            self._rest.execute(f"REFRESH MATERIALIZED VIEW {view} INCREMENTAL")
        if wait:
            wait_views(self._rest, mode.views)

    def _check(self, mode: Mode) -> None:
        """Hold the views against their table: a fast view that is wrong is worth nothing."""
        for view in mode.views:
            days = (
                ""
                if view == HOURLY or mode.open_days
                else f" WHERE ts < '{self._day.midnight:%Y-%m-%d}'"
            )
            summed = self._rest.count(f"SELECT sum(intervals) FROM {view}")  # noqa: S608 - constants
            there = self._rest.count(f"SELECT count() FROM {TABLE}{days}")  # noqa: S608 - constants
            if summed != there:
                raise RuntimeError(f"{view} has {summed} intervals, its table {there}")

    def _written_rows(self) -> int:
        url = f"http://{HOST}:{self._questdb.health_port}/metrics"
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:
            text = answer.read().decode()
        name = "questdb_wal_apply_physically_written_rows_total "
        return int(float(text.partition("\n" + name)[2].split()[0]))


def wait_views(rest: QuestDBRest, views: Sequence[str]) -> None:
    """Return once each of these views has followed its table and shows it.

    Raises:
        RuntimeError: They do not within two minutes.
    """
    if not views:
        return
    # Counted are those that have followed: a view may not be listed yet when it is new.
    names = ", ".join(f"'{view}'" for view in views)
    sql = (
        f"SELECT count() FROM materialized_views() WHERE view_name IN ({names})"  # noqa: S608
        " AND refresh_base_table_txn = base_table_txn AND view_status = 'valid'"
    )
    pause, end_s = threading.Event(), time.monotonic() + _TIMEOUT_S
    while rest.count(sql) < len(views):
        if time.monotonic() > end_s:
            raise RuntimeError(f"{', '.join(views)}: not refreshed within {_TIMEOUT_S:g} s")
        pause.wait(0.002)
    for view in views:
        rest.wait_applied(view)
