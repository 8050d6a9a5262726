"""Applies and checks `sql/views` on a running QuestDB. Never drops or refreshes anything."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from utility_ts_analytics.clock import Clock, SystemClock
from utility_ts_analytics.database.pool import Connection, connected
from utility_ts_analytics.database.view_spec import (
    ViewSpec,
    query_words,
    view_specs,
    zone_of,
)
from utility_ts_analytics.errors import OperatorError

_TIMEOUT_S = 30.0
"""For each statement; a view is filled after the one that creates it has been answered."""

_LOOK_AGAIN_S = 0.05
"""A new view was listed within 35 ms where it was not at once."""


@dataclass(frozen=True, slots=True)
class LiveView:
    """One materialized view as QuestDB has it.

    Attributes:
        name: As QuestDB spells it.
        base_table: Whose rows it sums up.
        query: As `query_words`; empty if it holds what none of our views does.
        status: QuestDB's word: `valid`, `refreshing`, `invalid`.
        reason: Why it is invalid, "" otherwise.
        suspended: Its own write-ahead log is suspended.
        refreshed_at: End of the last refresh, UTC without saying so; None before the first.
        lag_transactions: Of the base table, not yet in it, >= 0; None before the first refresh.
    """

    name: str
    base_table: str
    query: tuple[str, ...]
    status: str
    reason: str
    suspended: bool
    refreshed_at: datetime | None
    lag_transactions: int | None


@dataclass(frozen=True, slots=True)
class ViewFinding:
    """What one view is like, in one line.

    Attributes:
        text: With what to do about it where something is wrong.
        ok: Whether its figures can be trusted.
    """

    text: str
    ok: bool


async def apply_views(
    uri: str, *, meter_table: str, zone: str, clock: Clock | None = None
) -> list[ViewFinding]:
    """Create the views that are missing, then look at all of them.

    Safe to run again at any time, also under a running service. Views that exist are left as they
    are, of whatever zone. A new one is filled by QuestDB afterwards: this does not wait for it.

    Args:
        uri: pgwire, as `connect` takes it.
        meter_table: Table of the stream `meter_usage`.
        zone: Whose days the daily views are to have.
        clock: For waits.

    Raises:
        QuestDBUnavailable: Not there, or too slow.
        OperatorError: QuestDB does not know the zone or lacks a table, or `view_specs` fails.
    """
    specs = view_specs(meter_table=meter_table, zone=zone)
    async with connected(uri) as connection:
        for spec in specs:
            await connection.execute(spec.create_sql, timeout_s=_TIMEOUT_S)
        live = await _listed(connection, specs, clock or SystemClock())
    return [_finding(live[spec.name.lower()], spec) for spec in specs]


async def check_views(uri: str, *, meter_table: str) -> list[ViewFinding]:
    """Look at those views of `sql/views` that exist, of whatever zone; change nothing.

    Returns:
        One finding for each; empty where none was ever applied.

    Raises:
        QuestDBUnavailable: As `apply_views`.
    """
    async with connected(uri) as connection:
        live = await read_views(connection)
    names = [spec.name.lower() for spec in view_specs(meter_table=meter_table)]
    found = [live[name] for name in names if name in live]
    return [_finding(view, _spec_like(view, meter_table)) for view in found]


async def read_views(connection: Connection) -> Mapping[str, LiveView]:
    """Return all materialized views by their names in small letters."""
    rows = await connection.fetch(_VIEWS_SQL, timeout_s=_TIMEOUT_S)
    views = [_live_view(row) for row in rows]
    return MappingProxyType({view.name.lower(): view for view in views})


_VIEWS_SQL = """
SELECT v.view_name, v.base_table_name, v.view_sql, v.view_status, v.invalidation_reason,
  t.table_suspended, v.last_refresh_finish_timestamp, v.refresh_base_table_txn, v.base_table_txn
FROM materialized_views() v LEFT JOIN tables() t ON t.table_name = v.view_name
"""


async def _listed(
    connection: Connection, specs: Sequence[ViewSpec], clock: Clock
) -> Mapping[str, LiveView]:
    """Return all views once these are among them.

    Under load, 9.3.4 may answer the statement that creates a view before it lists the view.
    """
    give_up_at_s = clock.monotonic_s() + _TIMEOUT_S
    while True:
        live = await read_views(connection)
        missing = [spec.name for spec in specs if spec.name.lower() not in live]
        if not missing:
            return live
        if clock.monotonic_s() >= give_up_at_s:
            raise OperatorError(
                f"QuestDB created {', '.join(missing)} and does not list it within"
                f" {_TIMEOUT_S:g} s: run 'ingestion-service schema apply --views' again"
            )
        await clock.sleep(_LOOK_AGAIN_S)


def _live_view(row: tuple[object, ...]) -> LiveView:
    name, base, sql, status, reason, suspended, refreshed, done, committed = row
    try:
        query = query_words(str(sql))
    except OperatorError:
        query = ()
    lag = None
    if isinstance(done, int) and isinstance(committed, int) and done >= 0:
        lag = max(0, committed - done)
    return LiveView(
        name=str(name),
        base_table=str(base),
        query=query,
        status=str(status),
        reason=str(reason or ""),
        suspended=bool(suspended),
        refreshed_at=refreshed if isinstance(refreshed, datetime) else None,
        lag_transactions=lag,
    )


def _spec_like(view: LiveView, meter_table: str) -> ViewSpec:
    """Return what the view has to be if the days are those of its own zone."""
    try:
        specs = view_specs(meter_table=meter_table, zone=zone_of(view.query))
    except OperatorError:  # made by hand, with a zone that ours cannot have
        specs = view_specs(meter_table=meter_table)
    return next(spec for spec in specs if spec.name.lower() == view.name.lower())


def _finding(view: LiveView, spec: ViewSpec) -> ViewFinding:
    name = f'"{view.name}"'
    if view.query != spec.query:
        wanted, found = zone_of(spec.query), zone_of(view.query)
        what = f"has days of {found}, not of {wanted}"
        if wanted == found:
            what = "is another view than that of sql/views"
        return ViewFinding(
            f"{view.name}: {what}; to change it run DROP MATERIALIZED VIEW {name}, then "
            f"'ingestion-service schema apply --views --zone {wanted}' (nothing is lost)",
            ok=False,
        )
    if view.status == "invalid":
        since = (
            "nothing" if view.refreshed_at is None else f"{view.refreshed_at:%Y-%m-%d %H:%M} UTC"
        )
        return ViewFinding(
            f"{view.name}: invalid ({view.reason}): its figures are those of {since}; run "
            f"REFRESH MATERIALIZED VIEW {name} FULL",
            ok=False,
        )
    if view.suspended:
        return ViewFinding(
            f"{view.name}: suspended: new figures are not visible; remove the cause (disk full?), "
            f"then run ALTER MATERIALIZED VIEW {name} RESUME WAL",
            ok=False,
        )
    return ViewFinding(f"{view.name}: {_state(view)}", ok=True)


def _state(view: LiveView) -> str:
    days = f", days of {zone_of(view.query)}" if "zone" in view.query else ""
    if view.lag_transactions is None:
        return f"being built{days}"
    when = "" if view.refreshed_at is None else f" at {view.refreshed_at:%Y-%m-%d %H:%M} UTC"
    return (
        f"{view.status}{days}, last refreshed{when}, {view.lag_transactions} transactions of "
        f"{view.base_table} behind"
    )
