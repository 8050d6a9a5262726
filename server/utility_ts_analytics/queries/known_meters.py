"""Which meters should have sent something, and since and until when: a part of SQL text.

- A meter of `meters` is known from each of its versions on, but for those whose `status` says
  that it is out of service; until its next version.
- A meter that `meters` does not list at all is known while `meter_feeder_map` has a row for it
  (until `valid_to`, exclusive, or the next row).
- A meter that is in neither, but sent a reading in the range, is taken as known for all of it: on
  the first day nobody has loaded reference rows yet.
"""

from utility_ts_analytics.queries.literals import quote_timestamp
from utility_ts_analytics.queries.reference_versions import in_service, versions
from utility_ts_analytics.queries.time_range import TimeRange


def known_slots_sql(time_range: TimeRange, interval_minutes: int, meters: str | None) -> str:
    """Return a sub-query in brackets: the intervals of the range that are expected of each meter.

    Intervals are counted from the start of the range, from 0. Those in which a meter becomes known
    are not expected, those in which it ceases to be are.

    Result columns: `meter_id`, `lo` (first expected interval) and `hi` (first that is not any
    more), `lo` < `hi`. Several rows of a meter never overlap.

    Args:
        time_range: A whole number of intervals.
        interval_minutes: Of every meter.
        meters: Literals of the meters asked for, parted by commas; None for all.
    """
    start, end = quote_timestamp(time_range.start), quote_timestamp(time_range.end)
    step = interval_minutes * 60_000_000

    def slot(time: str) -> str:
        return f"(datediff('u', {start}::timestamp, {time}) + {step - 1}) / {step}"

    asked = "" if meters is None else f" WHERE meter_id IN ({meters})"
    also_asked = "" if meters is None else f" AND meter_id IN ({meters})"
    listed = "meter_id NOT IN (SELECT meter_id FROM meters WHERE meter_id IS NOT NULL)"
    mapped = "meter_id NOT IN (SELECT meter_id FROM meter_feeder_map WHERE meter_id IS NOT NULL)"
    return (  # every part is a number, a constant or quoted
        f"(SELECT meter_id, lo, hi FROM (SELECT meter_id, {slot('since')} AS lo,"  # noqa: S608
        f" {slot('until')} AS hi FROM (\n"
        f"SELECT meter_id, greatest(since, {start}::timestamp) AS since,"
        f" least(coalesce(until, {end}::timestamp), {end}::timestamp) AS until FROM (\n"
        "SELECT meter_id::varchar AS meter_id, valid_from AS since, next_from AS until"
        f" FROM {versions('meters', 'meter_id', 'status', asked)}"
        f" WHERE {in_service('status')}\n"
        "UNION ALL\n"
        "SELECT meter_id::varchar AS meter_id, valid_from AS since, CASE WHEN valid_to IS NULL"
        " OR next_from < valid_to THEN next_from ELSE valid_to END AS until"
        f" FROM {versions('meter_feeder_map', 'meter_id', 'valid_to', asked)} WHERE {listed}\n"
        "UNION ALL\n"
        f"SELECT meter_id::varchar AS meter_id, {start}::timestamp AS since,"
        f" {end}::timestamp AS until FROM (SELECT DISTINCT meter_id FROM meter_usage"
        f" WHERE {time_range.covers_sql('ts')} AND {listed} AND {mapped}{also_asked})\n"
        f")) WHERE since < until) WHERE lo < hi)"
    )
