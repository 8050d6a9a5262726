"""SQL for technical losses: how much each feeder loses, and how that goes with its load.

*Measured* losses are the balance as it stands, so they hold the energy of readings that are
missing; *estimated* ones have an estimate of that energy taken out. Neither knows theft and
unmetered supplies from losses in wires and transformers.
"""

from collections.abc import Iterable, Mapping, Sequence

from utility_ts_analytics.queries.balance_intervals import Intervals, ReadingLengths
from utility_ts_analytics.queries.feeder_balance import feeder_balance_sql
from utility_ts_analytics.queries.feeder_scope import (
    METERS,
    Scope,
    on_feeders,
    spans_sql,
    starts_slot,
)
from utility_ts_analytics.queries.literals import quote_timestamp, reusable
from utility_ts_analytics.queries.reference_versions import (
    SCALED_KWH,
    in_service,
    scale_join,
    valid,
    versions,
)
from utility_ts_analytics.queries.saved import SAMPLE_WEEK, SavedQuery, notes_of
from utility_ts_analytics.queries.time_range import TimeRange

FIT_INTERVALS_MIN = 96
"""Fewer intervals are no base for a fit: at 15 minutes, a day."""
FIT_R2_MIN = 0.5
"""Below it the load explains less than half of what the losses vary."""

_MICROSECONDS_PER_MINUTE = 60_000_000


def feeder_losses_sql(
    time_range: TimeRange,
    intervals: Intervals = Intervals(),  # noqa: B008 - frozen
    *,
    feeders: Iterable[str] = (),
    heads: Mapping[str, Sequence[str]] | None = None,
    lengths: ReadingLengths = ReadingLengths(),  # noqa: B008 - frozen
) -> str:
    """Return the query for the losses of each feeder over a period.

    Result columns, one row per feeder, ordered by `feeder_id`. Energies are sums over the intervals
    whose loss is known (`feeder_balance.sql` says when it is), null if it is in none:

    - `feeder_id`
    - `interval_count`, `known_intervals`: all of the period, and those whose loss is known.
    - `supplied_kwh`, `generation_kwh`, `demand_kwh`
    - `measured_loss_kwh`: supplied + generation - demand; readings that are missing count as 0.
    - `measured_loss_pct`: of supplied + generation; null where that is not above 0.
    - `coverage_pct`: readings there of those due, percent.
    - `unread_estimated_kwh`: energy of missing readings, if each meter took as much in them as in
      its own mean reading of the period; a meter without any reading, as much as the mean of its
      feeder. Gaps in intervals whose loss is not known are left out in proportion.
    - `estimated_loss_kwh`, `estimated_loss_pct`: measured less that, and its share likewise.

    Args:
        time_range: Whole intervals.
        intervals: Length of one, and the zone of days. Longer ones have fewer losses known, as one
            missing measurement at the head is enough to lose an interval.
        feeders: Only these; none means all.
        heads: As `feeder_balance_sql`.
        lengths: Of readings.

    Raises:
        ValueError: As `feeder_balance_sql`.
    """
    feeders = reusable(feeders)
    balance = feeder_balance_sql(
        time_range, intervals, feeders=feeders, heads=heads, lengths=lengths
    )
    scope = Scope.of(time_range, feeders, heads or {})
    return _losses_sql(balance, _unread_sql(scope, lengths.meters))


def loss_by_load_sql(
    time_range: TimeRange,
    intervals: Intervals = Intervals(),  # noqa: B008 - frozen
    *,
    feeders: Iterable[str] = (),
    heads: Mapping[str, Sequence[str]] | None = None,
    lengths: ReadingLengths = ReadingLengths(),  # noqa: B008 - frozen
) -> str:
    """Return the query for the part of each feeder's losses that goes with its load squared.

    A straight line by least squares through the intervals of a feeder: mean loss in kW over mean
    demand in kW, squared. What is there without a load (iron of transformers, standing
    consumption) is the fixed part, what grows with the current squared the variable part. Taken
    are intervals of which every reading is there, without generation on the feeder and with a
    demand above 0: elsewhere the flow in the wires is not the demand.

    Result columns, one row per feeder with such an interval, ordered by `feeder_id`:

    - `feeder_id`, `interval_count`: the intervals taken.
    - `r2`: share of the variance of the losses that the line explains, 0..1; null where load or
      losses do not vary.
    - `sound`: true if there are at least 96 intervals, `r2` is at least 0.5, and neither part is
      below 0. Otherwise the columns below are null: a line through them would say nothing.
    - `fixed_kw`: loss without load.
    - `variable_kw_per_kw2`: loss in kW per kW of demand squared.
    - `fixed_kwh`, `variable_kwh`: both over the intervals taken; their sum is the measured loss.

    It supposes that voltage, power factor and the spread of the load along the feeder stay as they
    are. A sound line does not prove that losses follow the square: over a small range of loads,
    losses in proportion to the load fit it as well.

    Args:
        time_range: Whole intervals.
        intervals: Length of one; the mean of a day hides the square of its peaks.
        feeders: Only these; none means all.
        heads: As `feeder_balance_sql`.
        lengths: Of readings.

    Raises:
        ValueError: As `feeder_balance_sql`.
    """
    balance = feeder_balance_sql(
        time_range, intervals, feeders=feeders, heads=heads, lengths=lengths
    )
    return _fit_sql(balance)


def _losses_sql(balance: str, unread_readings: str) -> str:
    """Add up the known intervals of each feeder, and take what was not read out of the losses."""
    known = {
        "known_intervals": "1",
        "supplied_kwh": "supplied_kwh",
        "generation_kwh": "generation_kwh",
        "demand_kwh": "demand_kwh",
        "measured_loss_kwh": "loss_kwh",
        "expected": "expected_readings",
        "present": "present_readings",
    }
    sums = ", ".join(
        f"sum(CASE WHEN loss_kwh IS NOT NULL THEN {column} END) AS {name}"
        for name, column in known.items()
    )
    put_in = "(b.supplied_kwh + b.generation_kwh)"
    unread = (
        "CASE WHEN b.expected > b.present"
        " THEN u.unread_kwh * (b.expected - b.present) / u.missing"
        " WHEN b.known_intervals > 0 THEN 0.0 END"
    )
    return (
        "SELECT feeder_id, interval_count, known_intervals, supplied_kwh, generation_kwh,"
        " demand_kwh, measured_loss_kwh,\n"
        "CASE WHEN put_in > 0 THEN 100.0 * measured_loss_kwh / put_in END AS measured_loss_pct,\n"
        "coverage_pct, unread_estimated_kwh,\n"
        "measured_loss_kwh - unread_estimated_kwh AS estimated_loss_kwh,\n"
        "CASE WHEN put_in > 0 THEN 100.0 * (measured_loss_kwh - unread_estimated_kwh) / put_in END"
        " AS estimated_loss_pct\n"
        "FROM (\n"
        "SELECT b.feeder_id AS feeder_id, b.interval_count AS interval_count,"
        " coalesce(b.known_intervals, 0) AS known_intervals, b.supplied_kwh AS supplied_kwh,"
        " b.generation_kwh AS generation_kwh, b.demand_kwh AS demand_kwh,"
        f" b.measured_loss_kwh AS measured_loss_kwh, {put_in} AS put_in,"
        " CASE WHEN b.expected > 0 THEN 100.0 * b.present / b.expected END AS coverage_pct,"
        f" {unread} AS unread_estimated_kwh\n"
        f"FROM (SELECT feeder_id, count() AS interval_count, {sums}\n"
        f"FROM (\n{balance}\n)\n"
        "GROUP BY feeder_id) b\n"
        f"LEFT JOIN (\n{unread_readings}\n) u ON u.feeder_id = b.feeder_id\n"
        ")\n"
        "ORDER BY feeder_id"
    )


def _fit_sql(balance: str) -> str:
    """Fit a line through the intervals of each feeder that tell of its wires alone."""
    sound = (
        f"(interval_count >= {FIT_INTERVALS_MIN} AND r2 >= {FIT_R2_MIN} AND fixed_kw >= 0"
        " AND slope >= 0)"
    )
    return (
        f"SELECT feeder_id, interval_count, r2, {sound} AS sound,\n"
        f"CASE WHEN {sound} THEN fixed_kw END AS fixed_kw,\n"
        f"CASE WHEN {sound} THEN slope END AS variable_kw_per_kw2,\n"
        f"CASE WHEN {sound} THEN fixed_kw * hours END AS fixed_kwh,\n"
        f"CASE WHEN {sound} THEN slope * kw2_hours END AS variable_kwh\n"
        "FROM (\n"
        "SELECT feeder_id, count() AS interval_count,"
        " corr(loss_kw, kw2) * corr(loss_kw, kw2) AS r2,"
        " regr_intercept(loss_kw, kw2) AS fixed_kw, regr_slope(loss_kw, kw2) AS slope,"
        " sum(hours) AS hours, sum(kw2 * hours) AS kw2_hours\n"
        "FROM (SELECT feeder_id, loss_kwh / hours AS loss_kw,"
        " demand_kwh / hours * demand_kwh / hours AS kw2, hours\n"
        "FROM (SELECT feeder_id, loss_kwh, demand_kwh, interval_minutes / 60.0 AS hours FROM (\n"
        f"{balance}\n"
        ") WHERE loss_kwh IS NOT NULL AND present_readings = expected_readings"
        " AND generation_kwh = 0 AND demand_kwh > 0))\n"
        "GROUP BY feeder_id\n"
        ")\n"
        "ORDER BY feeder_id"
    )


def _unread_sql(scope: Scope, minutes: int) -> str:
    """Return by feeder: readings of meters in service that are missing, and their likely energy.

    From the readings of each meter while it was on the feeder and in service.
    """
    length = f"{minutes * _MICROSECONDS_PER_MINUTE}L"
    start = f"{quote_timestamp(scope.time_range.start)}::timestamp"

    def slots_before(moment: str) -> str:
        """How many slots of the range start before `moment`; whole numbers divide to such."""
        return f"(datediff('u', {start}, {moment}) + {length} - 1L) / {length}"

    due = (
        "(SELECT meter_id, feeder_id,"
        f" sum(n * ({slots_before('until')} - {slots_before('since')})) AS due\n"
        f"FROM {spans_sql(scope, METERS)}\n"
        "GROUP BY meter_id, feeder_id)"
    )
    out = (
        "(SELECT meter_id, valid_from, next_from FROM"
        f" {versions('meters', 'meter_id', 'status')} WHERE NOT {in_service('status')})"
    )
    there = (
        "(SELECT mu.meter_id AS meter_id, mfm.feeder_id AS feeder_id,"
        f" sum(CASE WHEN {starts_slot('mu.ts', minutes)} THEN 1L END) AS there,"
        f" sum({SCALED_KWH}) AS kwh\n"
        "FROM meter_usage mu\n"
        f"JOIN {on_feeders('meter_feeder_map', 'meter_id', scope)} mfm"
        f" ON mfm.meter_id = mu.meter_id AND {valid('mfm', ends=True)}\n"
        f"{scale_join()}"
        f"LEFT JOIN {out} out ON out.meter_id = mu.meter_id AND {valid('out')}\n"
        f"WHERE {scope.time_range.covers_sql('mu.ts')} AND mu.kwh IS NOT NULL"
        " AND out.meter_id IS NULL\n"
        "GROUP BY mu.meter_id, mfm.feeder_id)"
    )
    missing = "(d.due - coalesce(t.there, 0L))"
    return (
        "SELECT feeder_id, sum(missing) AS missing,"
        " coalesce(sum(missing * kwh / there), 0.0)"
        " + coalesce(sum(CASE WHEN there IS NULL THEN missing END) * sum(kwh) / sum(there), 0.0)"
        " AS unread_kwh\n"
        "FROM (SELECT d.feeder_id AS feeder_id, t.there AS there, t.kwh AS kwh,"
        f" CASE WHEN {missing} > 0 THEN {missing} ELSE 0L END AS missing\n"
        f"FROM {due} d\n"
        f"LEFT JOIN {there} t ON t.meter_id = d.meter_id AND t.feeder_id = d.feeder_id)\n"
        "GROUP BY feeder_id"
    )


SAVED = (
    SavedQuery(
        "feeder_losses",
        "How much does each feeder lose in the week, as measured and without gaps?",
        feeder_losses_sql(SAMPLE_WEEK),
        notes_of(feeder_losses_sql),
    ),
    SavedQuery(
        "loss_by_load",
        "Which part of each feeder's losses goes with its load squared, which part is fixed?",
        loss_by_load_sql(SAMPLE_WEEK),
        notes_of(loss_by_load_sql),
    ),
)
