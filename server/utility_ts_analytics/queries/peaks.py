"""SQL for peaks of demand: of a group of meters together, of each meter by itself, and the ratio.

A group is the whole system, a feeder or a customer segment; a meter belongs to the feeder, and
through its customer to the segment, that it belonged to at the time of each reading. The rules:

- **Interval.** Loads are compared interval by interval, `interval_minutes` long, from midnight UTC
  on. kW = kWh in the interval / hours of the interval: mean power, not a spike within it.
- **Mixed intervals.** Readings of shorter intervals are added up in the interval that they start
  in, which is right; one of a longer interval would count whole in its first one, which is not.
  So `interval_minutes` must be the longest in use, and a multiple of the others.
- **Scale.** kWh times the scale factor of the time. A register of exports has the factor -1: its
  energy is taken off the load of the group.
- **Ties.** The earliest interval. Energies are compared to a thousandth of a Wh, so that the order
  in which QuestDB adds them up does not matter.
- **Missing is missing.** A meter without a reading counts as nothing then: the load is too low.
  `meters` says how many were there. An interval that the range cuts counts with what is inside.
"""

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from utility_ts_analytics.queries.interval_length import IntervalLength
from utility_ts_analytics.queries.literals import reusable
from utility_ts_analytics.queries.peak_loads import (
    PeakGroup,
    comparable_sql,
    group_loads_sql,
    meter_loads_sql,
    single_loads_sql,
)
from utility_ts_analytics.queries.saved import SAMPLE_WEEK, SavedQuery, notes_of
from utility_ts_analytics.queries.time_range import TimeRange

__all__ = [
    "CoincidentPeak",
    "Diversity",
    "MeterPeak",
    "PeakGroup",
    "PeakShare",
    "coincident_peaks_sql",
    "diversity_sql",
    "meter_peaks_sql",
    "peak_shares_sql",
]


class CoincidentPeak(Struct, frozen=True):
    """A row of `coincident_peaks_sql`."""

    group_name: str
    ts: datetime
    peak_kw: float
    meters: int


class PeakShare(Struct, frozen=True):
    """A row of `peak_shares_sql`."""

    group_name: str
    ts: datetime
    meter_id: str
    kw: float
    share_pct: float | None


class MeterPeak(Struct, frozen=True):
    """A row of `meter_peaks_sql`."""

    group_name: str
    meter_id: str
    ts: datetime
    peak_kw: float


class Diversity(Struct, frozen=True):
    """A row of `diversity_sql`."""

    group_name: str
    ts: datetime
    coincident_kw: float
    noncoincident_kw: float
    meters: int
    coincidence_factor: float | None
    diversity_factor: float | None


def coincident_peaks_sql(
    time_range: TimeRange,
    group: PeakGroup = "system",
    *,
    names: Iterable[str] | None = None,
    interval_minutes: int = 15,
) -> str:
    """Return the query for the moment and the size of the highest load of each group.

    Result columns, one row per group with readings, ordered by `group_name`:

    - `group_name`: the feeder or the segment; `system` for all meters.
    - `ts`: start of the interval of the highest load, UTC; the earliest of equals.
    - `peak_kw`: sum over the meters of scaled kWh in it / hours of the interval; below 0 where
      the group fed back all the time.
    - `meters`: how many meters had a reading in it.

    Args:
        time_range: Readings whose interval starts in it.
        group: What loads are added up over.
        names: Only these feeders or segments; all if None.
        interval_minutes: Length of an interval; a whole part of a day.

    Raises:
        ValueError: `names` is empty, one text, given for the system, or cannot be quoted; or
            `interval_minutes` is no whole part of a day.
    """
    return (
        f"{_peaks(time_range, group, names, IntervalLength(interval_minutes))}\nORDER BY group_name"
    )


def peak_shares_sql(
    time_range: TimeRange,
    group: PeakGroup = "system",
    *,
    names: Iterable[str] | None = None,
    interval_minutes: int = 15,
) -> str:
    """Return the query for what each meter drew at the moment of its group's highest load.

    Result columns, one row per meter with a reading in that interval, ordered by `group_name` and
    `kw`, the largest first, then `meter_id`:

    - `group_name`, `ts`: of the peak, as `coincident_peaks_sql` has them.
    - `meter_id`: the meter.
    - `kw`: its scaled kWh in that interval / hours of the interval; below 0 for exports.
    - `share_pct`: `kw` / peak of the group * 100; null where that peak is 0.

    Arguments and errors are those of `coincident_peaks_sql`.
    """
    length = IntervalLength(interval_minutes)
    chosen = None if names is None else reusable(names)
    return (
        "SELECT group_name, ts, meter_id, kw,"
        " CASE WHEN peak_kw != 0.0 THEN kw / peak_kw * 100.0 END AS share_pct\nFROM (\n"
        "SELECT p.group_name AS group_name, p.ts AS ts, r.meter_id AS meter_id,"
        f" p.peak_kw AS peak_kw, sum(r.kwh) / {length.hours_sql} + 0.0 AS kw\n"
        f"FROM (\n{single_loads_sql(time_range, group, chosen, length)}\n) r\n"
        f"JOIN (\n{_peaks(time_range, group, chosen, length)}\n) p"
        " ON p.group_name = r.group_name AND p.ts = r.ts\n)\n"
        "ORDER BY group_name, kw DESC, meter_id"
    )


def meter_peaks_sql(
    time_range: TimeRange,
    group: PeakGroup = "system",
    *,
    names: Iterable[str] | None = None,
    interval_minutes: int = 15,
) -> str:
    """Return the query for the highest load of each meter by itself, whenever it was.

    Result columns, one row per group and meter with readings, ordered by `group_name`,
    `meter_id`; a meter that changed its group has a row, and a peak, in each:

    - `group_name`, `meter_id`: the feeder or the segment (`system` for all), and the meter.
    - `ts`: start of the interval of its highest load, UTC; the earliest of equals.
    - `peak_kw`: its scaled kWh in it / hours of the interval; 0 or below for a register of exports.

    Arguments and errors are those of `coincident_peaks_sql`.
    """
    return (
        f"{_meter_peaks(time_range, group, names, IntervalLength(interval_minutes))}\n"
        "ORDER BY group_name, meter_id"
    )


def diversity_sql(
    time_range: TimeRange,
    group: PeakGroup = "system",
    *,
    names: Iterable[str] | None = None,
    interval_minutes: int = 15,
) -> str:
    """Return the query for how far the highest loads of the meters of a group fall together.

    Result columns, one row per group with readings, ordered by `group_name`:

    - `group_name`, `ts`, `coincident_kw`: the peak, as `coincident_peaks_sql` has it.
    - `noncoincident_kw`: sum of the meters' own peaks; one below 0 (exports only) counts as 0.
    - `meters`: how many meters that is.
    - `coincidence_factor`: `coincident_kw` / `noncoincident_kw`, at most 1; null where the latter
      is 0.
    - `diversity_factor`: `noncoincident_kw` / `coincident_kw`; null where the peak is not above 0.

    Arguments and errors are those of `coincident_peaks_sql`.
    """
    length = IntervalLength(interval_minutes)
    chosen = None if names is None else reusable(names)
    return (
        "SELECT p.group_name AS group_name, p.ts AS ts, p.peak_kw AS coincident_kw,"
        " n.kw AS noncoincident_kw, n.meters AS meters,"
        " CASE WHEN n.kw > 0.0 THEN p.peak_kw / n.kw END AS coincidence_factor,"
        " CASE WHEN p.peak_kw > 0.0 THEN n.kw / p.peak_kw END AS diversity_factor\n"
        f"FROM (\n{_peaks(time_range, group, chosen, length)}\n) p\n"
        "JOIN (\nSELECT group_name, sum(CASE WHEN peak_kw > 0.0 THEN peak_kw ELSE 0.0 END) AS kw,"
        " count() AS meters\n"
        f"FROM (\n{_meter_peaks(time_range, group, chosen, length)}\n)\n) n"
        " ON n.group_name = p.group_name\n"
        "ORDER BY group_name"
    )


def _peaks(
    time_range: TimeRange, group: PeakGroup, names: Iterable[str] | None, length: IntervalLength
) -> str:
    """Return the query for the highest load of each group, unordered."""
    return (
        f"SELECT group_name, ts, kwh / {length.hours_sql} AS peak_kw, meters FROM (\n"  # noqa: S608
        "SELECT group_name, ts, kwh, meters,"
        " row_number() OVER (PARTITION BY group_name ORDER BY kwh DESC, ts) AS place FROM (\n"
        f"SELECT group_name, ts, {comparable_sql('kwh')} AS kwh, meters FROM (\n"
        f"{group_loads_sql(time_range, group, names, length)}\n)\n)\n) WHERE place = 1"
    )


def _meter_peaks(
    time_range: TimeRange, group: PeakGroup, names: Iterable[str] | None, length: IntervalLength
) -> str:
    """Return the query for the highest load of each meter, unordered.

    A window with the maximum and not a row number: on 4 million readings 1.6 s instead of 13 s.
    """
    return (
        "SELECT group_name, meter_id, min(ts) AS ts,"  # noqa: S608
        f" max(kwh) / {length.hours_sql} AS peak_kw FROM (\n"
        "SELECT group_name, meter_id, ts, kwh,"
        " max(kwh) OVER (PARTITION BY group_name, meter_id) AS highest FROM (\n"
        f"SELECT group_name, meter_id, ts, {comparable_sql('kwh')} AS kwh FROM (\n"
        f"{meter_loads_sql(time_range, group, names, length)}\n)\n)\n) WHERE kwh = highest"
    )


SAVED: tuple[SavedQuery, ...] = (
    SavedQuery(
        "coincident_peaks",
        "When was the load of each feeder highest, and how high?",
        coincident_peaks_sql(SAMPLE_WEEK, "feeder"),
        notes_of(coincident_peaks_sql),
    ),
    SavedQuery(
        "peak_shares",
        "What did each meter draw at the moment of the system's highest load?",
        peak_shares_sql(SAMPLE_WEEK),
        notes_of(peak_shares_sql),
    ),
    SavedQuery(
        "meter_peaks",
        "When was the load of each meter highest, and how high?",
        meter_peaks_sql(SAMPLE_WEEK),
        notes_of(meter_peaks_sql),
    ),
    SavedQuery(
        "diversity",
        "How far do the highest loads of the meters of a segment fall together?",
        diversity_sql(SAMPLE_WEEK, "segment"),
        notes_of(diversity_sql),
    ),
)
