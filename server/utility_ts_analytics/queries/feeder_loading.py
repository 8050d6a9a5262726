"""SQL for how heavily feeders are loaded: peak, mean, load factor, back-feed, utilisation."""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from utility_ts_analytics.queries.balance_intervals import Intervals, ReadingLengths
from utility_ts_analytics.queries.feeder_facts import HEAD, HEAD_DUE, head_due_sql, head_sql
from utility_ts_analytics.queries.feeder_scope import Scope, on_feeders
from utility_ts_analytics.queries.literals import quote_text, quote_timestamp
from utility_ts_analytics.queries.reference_versions import in_service, valid, versions
from utility_ts_analytics.queries.saved import SAMPLE_WEEK, SavedQuery, notes_of
from utility_ts_analytics.queries.time_range import TimeRange


def feeder_loading_sql(
    time_range: TimeRange,
    interval: str = "15m",
    *,
    feeders: Iterable[str] = (),
    heads: Mapping[str, Sequence[str]] | None = None,
    head_minutes: int = 15,
    ratings: Mapping[str, float] | None = None,
) -> str:
    """Return the query for the loading of each feeder, from the power at its head.

    Result columns, one row per feeder whose head has measured within the period or the 31 days
    before, ordered by `feeder_id`; powers are means over an interval, in kW, positive into the
    feeder:

    - `feeder_id`
    - `interval_count`, `missing_intervals`: with a power, and without: a measurement is missing,
      or nobody knows which of several nodes is the head. All below is over those with one, and
      null without any.
    - `peak_kw`, `peak_ts`: highest power into the feeder and the start of its first interval.
    - `mean_kw`
    - `load_factor`: mean / peak, 0..1; null where either is not above 0.
    - `min_kw`, `min_ts`: lowest power likewise; below 0 where the feeder feeds back.
    - `fed_back_kwh`, `fed_back_hours`: energy out of the feeder, >= 0, and for how long.
    - `rating_kva`: as given; null if it was not.
    - `utilisation_pct`: the larger of peak and back-feed, of the rating, percent: kW for kVA, so
      as of a power factor of 1; divide by the real one.
    - `connected_kva`: sum of `meters.rated_kva` on the feeder and in service at the end of the
      period, without export registers, whose site has another meter; null if none is known.
    - `demand_factor`: peak / connected load.

    There is no table of feeder ratings; without `ratings`, the connected load says at least how
    much of it is drawn at once.

    Args:
        time_range: Whole intervals.
        interval: `15m`, `30m` or `60m`: a peak is a mean over so long.
        feeders: Only these; none means all.
        heads: As `feeder_balance_sql`.
        head_minutes: Length of the measurements.
        ratings: Rated apparent power by feeder, kVA, above 0.

    Raises:
        ValueError: As `feeder_balance_sql`; a day as interval; a rating that is none.
    """
    intervals = Intervals(interval)
    if intervals.minutes is None:
        raise ValueError("cannot tell a peak from means over a day: give 15m, 30m or 60m")
    intervals.check(time_range)
    ReadingLengths(heads=head_minutes, meters=1, plants=1).check(intervals)
    scope = Scope.of(time_range, feeders, heads or {})
    loads = _loads_sql(_powers_sql(scope, intervals, head_minutes), intervals.minutes / 60)
    return _loading_sql(loads, ratings or {}, scope)


def _loading_sql(loads: str, ratings: Mapping[str, float], scope: Scope) -> str:
    """Put loads, ratings and connected loads beside each other."""
    return (
        "SELECT l.feeder_id AS feeder_id, l.interval_count AS interval_count,"
        " l.missing_intervals AS missing_intervals, l.peak_kw AS peak_kw, l.peak_ts AS peak_ts,"
        " l.mean_kw AS mean_kw,\n"
        "CASE WHEN l.peak_kw > 0 AND l.mean_kw > 0 THEN l.mean_kw / l.peak_kw END AS load_factor,\n"
        "l.min_kw AS min_kw, l.min_ts AS min_ts, l.fed_back_kwh AS fed_back_kwh,"
        " l.fed_back_hours AS fed_back_hours, r.rating_kva AS rating_kva,\n"
        "100.0 * greatest(l.peak_kw, -l.min_kw) / r.rating_kva AS utilisation_pct,\n"
        "c.connected_kva AS connected_kva, l.peak_kw / c.connected_kva AS demand_factor\n"
        f"FROM ({loads}) l\n"
        f"LEFT JOIN {_ratings_sql(ratings)} r ON r.feeder_id = l.feeder_id\n"
        f"LEFT JOIN {_connected_sql(scope)} c ON c.feeder_id = l.feeder_id\n"
        "ORDER BY feeder_id"
    )


def _loads_sql(powers: str, hours: float) -> str:
    """Return extremes, means and energy fed back by feeder, from the power of each interval."""
    return (
        "SELECT feeder_id, count(kw) AS interval_count, count() - count(kw)"
        " AS missing_intervals, max(kw) AS peak_kw,"
        " min(CASE WHEN kw = peak THEN ts END) AS peak_ts, avg(kw) AS mean_kw, min(kw) AS min_kw,"
        " min(CASE WHEN kw = lowest THEN ts END) AS min_ts,"
        f" sum(CASE WHEN kw < 0 THEN -kw * {hours!r} WHEN kw >= 0 THEN 0.0 END) AS fed_back_kwh,"
        f" sum(CASE WHEN kw < 0 THEN {hours!r} WHEN kw >= 0 THEN 0.0 END) AS fed_back_hours\n"
        "FROM (SELECT ts, feeder_id, kw, max(kw) OVER (PARTITION BY feeder_id) AS peak,"
        " min(kw) OVER (PARTITION BY feeder_id) AS lowest\n"
        f"FROM (\n{powers}\n))\n"
        "GROUP BY feeder_id"
    )


def _powers_sql(scope: Scope, intervals: Intervals, head_minutes: int) -> str:
    """Return mean power by interval and feeder; null where a measurement is missing."""
    minutes = intervals.minutes
    facts = f"({head_sql(scope, head_minutes)})\nUNION ALL\n({head_due_sql(scope, head_minutes)})"
    return (
        f"SELECT ts, feeder_id, CASE WHEN there >= due AND unclear = 0 THEN kwh * 60.0 / {minutes}"
        " END AS kw\n"
        f"FROM (SELECT {intervals.start_sql('ts')} AS ts, feeder_id, sum(kwh) AS kwh,"
        f" coalesce(sum(CASE WHEN kind = {HEAD} THEN n END), 0) AS there,"
        f" coalesce(sum(CASE WHEN kind = {HEAD_DUE} THEN n END), 0) AS due,"
        f" coalesce(sum(CASE WHEN kind = {HEAD_DUE} THEN m END), 0) AS unclear\n"
        f"FROM (\n{facts}\n)\n"
        f"WHERE feeder_id IS NOT NULL{scope.only('feeder_id')}\n"
        f"GROUP BY {intervals.start_sql('ts')}, feeder_id)\n"
        "WHERE due > 0"
    )


def _ratings_sql(ratings: Mapping[str, float]) -> str:
    """Return the ratings as rows; without any, one that no feeder has."""
    rows = ["(SELECT null::string AS feeder_id, null::double AS rating_kva FROM long_sequence(1))"]
    for feeder, kva in ratings.items():
        if not (math.isfinite(kva) and kva > 0):
            raise ValueError(f"cannot use {kva!r} kVA as the rating of {feeder!r}: must be above 0")
        rows.append(
            f"(SELECT {quote_text(feeder)} AS feeder_id, {float(kva)!r} AS rating_kva"
            " FROM long_sequence(1))"
        )
    return "(" + " UNION ALL ".join(rows) + ")"


def _connected_sql(scope: Scope) -> str:
    """Return the connected load by feeder, as of the end of the range."""
    last = f"{quote_timestamp(scope.time_range.end - timedelta(microseconds=1))}::timestamp"
    return (
        "(SELECT mfm.feeder_id AS feeder_id, sum(m.rated_kva) AS connected_kva\n"
        f"FROM {on_feeders('meter_feeder_map', 'meter_id', scope)} mfm\n"
        f"JOIN {versions('meters', 'meter_id', 'rated_kva, register, status')} m"
        " ON m.meter_id = mfm.meter_id\n"
        f"WHERE {valid('mfm', ends=True, at=last)} AND {valid('m', at=last)}"
        f" AND {in_service('m.status')} AND (m.register IS NULL OR m.register != 'export')\n"
        "GROUP BY feeder_id)"
    )


SAVED = (
    SavedQuery(
        "feeder_loading",
        "How heavily is each feeder loaded: peak, mean, back-feed, load and demand factor?",
        feeder_loading_sql(SAMPLE_WEEK),
        notes_of(feeder_loading_sql),
    ),
)
