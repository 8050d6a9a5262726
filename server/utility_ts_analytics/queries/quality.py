"""SQL for the quality of readings: which share of them was estimated, by count and by energy.

`quality_flag` is stored as it was sent, and head-ends do not agree on words: which flags mean
"estimated" is a parameter.
"""

from collections.abc import Iterable
from typing import Literal

from utility_ts_analytics.queries.literals import quote_texts
from utility_ts_analytics.queries.local_calendar import (
    LOCAL_DAY,
    QUARTER_MINUTES,
    from_whole_step,
    grid_sql,
)
from utility_ts_analytics.queries.reference_versions import SCALED_KWH, feeder_join, scale_join
from utility_ts_analytics.queries.saved import SAMPLE_WEEK, SAMPLE_ZONE, SavedQuery, notes_of
from utility_ts_analytics.queries.time_range import TimeRange

ESTIMATED_FLAGS = ("ESTIMATED", "ESTIMATE", "EST", "E", "SUBSTITUTED", "SUBSTITUTE", "SUB", "S")
"""What counts as estimated by default: words and short forms for values that no meter measured.

E and S are also AEMO's (NEM12) letters. Its F (final substitute) is not among them, since other
systems mean "failed" or "final": add it, and letters with a method (`E52`), where they are sent.
"""


_KEYS = {"meter": ("mu.meter_id", ""), "feeder": ("f.feeder_id", feeder_join("LEFT JOIN"))}
"""What is counted by, and the join that it takes."""
_NOT_STATED = "mu.quality_flag IS NULL"
_ENERGY = f"abs({SCALED_KWH})"
_SHARES = (
    "readings, estimated, not_stated,\n"
    " 100.0 * estimated / readings AS estimated_pct,"
    " 100.0 * not_stated / readings AS not_stated_pct,\n"
    " energy_kwh, estimated_kwh, not_stated_kwh,\n"
    " CASE WHEN energy_kwh > 0 THEN 100.0 * estimated_kwh / energy_kwh END AS estimated_kwh_pct,\n"
    " CASE WHEN energy_kwh > 0 THEN 100.0 * not_stated_kwh / energy_kwh END AS not_stated_kwh_pct\n"
)


def estimated_share_sql(
    time_range: TimeRange,
    zone: str,
    *,
    by: Literal["meter", "feeder"] = "meter",
    estimated_flags: Iterable[str] = ESTIMATED_FLAGS,
    meters: Iterable[str] | None = None,
) -> str:
    """Return the query for the share of estimated readings of each local day.

    Result columns, one row per local day and meter or feeder with readings, ordered by both:

    - `local_day`: date in the zone, as its midnight without a zone, of the intervals' starts.
    - `meter_id` or `feeder_id`: the feeder of the meter at the time of the reading; null for
      readings of meters that were on none.
    - `readings`: how many there are.
    - `estimated`: those whose flag counts as estimated.
    - `not_stated`: those without a flag, which say nothing either way.
    - `estimated_pct`, `not_stated_pct`: 100 * the count / `readings`.
    - `energy_kwh`: sum of |kWh * scale factor|. Without the sign, or the feed-in of a feeder would
      hide what was drawn from it.
    - `estimated_kwh`, `not_stated_kwh`: the same sum over those readings.
    - `estimated_kwh_pct`, `not_stated_kwh_pct`: 100 * that / `energy_kwh`; null where that is 0.

    Missing readings are in no figure: see completeness.

    Args:
        time_range: Readings whose interval starts in it.
        zone: Name of the local time, such as `Europe/Berlin`.
        by: What to count by.
        estimated_flags: At least one; each counts as it is written and in capitals, in small
            letters and with a capital first.
        meters: Only these; None for all.

    Raises:
        ValueError: The zone is unknown, `by` is something else, or a list is empty or cannot be
            quoted.
    """
    if by not in _KEYS:
        raise ValueError(f"cannot count by {by!r}: give meter or feeder")
    key, feeders = _KEYS[by]
    covered = from_whole_step(time_range, QUARTER_MINUTES)
    grid = grid_sql(covered, QUARTER_MINUTES, zone, f"{LOCAL_DAY} AS local_day")
    among = "" if meters is None else f" AND mu.meter_id IN ({quote_texts(meters, 'meters')})"
    estimated = f"mu.quality_flag IN ({_spellings(estimated_flags)})"
    name = f"{by}_id"
    return (  # every part is a constant or quoted
        f"SELECT local_day, {name}, {_SHARES}"
        "FROM (\n"
        f"SELECT g.local_day AS local_day, {key} AS {name}, count() AS readings,"
        f" sum(CASE WHEN {estimated} THEN 1L ELSE 0L END) AS estimated,"
        f" sum(CASE WHEN {_NOT_STATED} THEN 1L ELSE 0L END) AS not_stated,"
        f" sum({_ENERGY}) AS energy_kwh,"
        f" sum(CASE WHEN {estimated} THEN {_ENERGY} ELSE 0.0 END) AS estimated_kwh,"
        f" sum(CASE WHEN {_NOT_STATED} THEN {_ENERGY} ELSE 0.0 END) AS not_stated_kwh\n"
        f"FROM meter_usage mu\nASOF JOIN {grid} g\n{feeders}{scale_join()}"
        f"WHERE {time_range.covers_sql('mu.ts')}{among}\n"
        ")\n"
        f"ORDER BY local_day, {name}"
    )


def _spellings(flags: Iterable[str]) -> str:
    """Return each flag in its usual spellings; `upper()` for each reading would cost more."""
    if not isinstance(flags, str):
        flags = dict.fromkeys(
            spelling
            for flag in flags
            for spelling in (flag, flag.upper(), flag.lower(), flag.capitalize())
        )
    return quote_texts(flags, "flags")


SAVED = (
    SavedQuery(
        "estimated_share_by_meter",
        "Which share of each meter's readings was estimated, day by day?",
        estimated_share_sql(SAMPLE_WEEK, SAMPLE_ZONE),
        notes_of(estimated_share_sql),
    ),
    SavedQuery(
        "estimated_share_by_feeder",
        "Which share of each feeder's readings was estimated, day by day?",
        estimated_share_sql(SAMPLE_WEEK, SAMPLE_ZONE, by="feeder"),
        notes_of(estimated_share_sql),
    ),
)
