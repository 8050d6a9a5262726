"""Row types of what the report asks, as the builders of `queries` say their columns are."""

from datetime import datetime

from msgspec import Struct


class Moment(Struct, frozen=True):
    """Of `first_reading_sql`, `last_reading_sql`."""

    ts: datetime


class UsualInterval(Struct, frozen=True):
    """Of `usual_interval_sql`."""

    minutes: int
    readings: int


class SystemLoad(Struct, frozen=True):
    """Of `system_load_sql`."""

    ts: datetime
    kwh: float
    mean_kw: float


class SegmentLoad(Struct, frozen=True):
    """Of `aggregated_segment_load_sql`."""

    ts: datetime
    segment: str
    kwh: float
    mean_kw: float


class PeriodEnergy(Struct, frozen=True):
    """Of `time_of_use_sql` by segment."""

    segment: str | None
    season: str
    period: str
    kwh: float
    readings: int


class TypicalDay(Struct, frozen=True):
    """Of `typical_day_sql` by segment."""

    segment: str | None
    day_type: str
    local_time: str
    mean_kw: float
    occurrences: int
    kwh: float


class CompletenessTotals(Struct, frozen=True):
    """Of `completeness_totals_sql`."""

    meters: int
    with_gaps: int
    expected: int | None
    missing: int | None


class MeterGaps(Struct, frozen=True):
    """Of `least_complete_meters_sql`."""

    meter_id: str
    missing: int


class MeterDay(Struct, frozen=True):
    """Of `completeness_sql`."""

    local_day: datetime
    meter_id: str
    expected: int
    present: int
    missing: int
    present_pct: float | None
    off_grid: int
    doubled: int
    unexpected: int


class EstimatedDay(Struct, frozen=True):
    """Of `estimated_days_sql`."""

    local_day: datetime
    readings: int
    estimated: int
    not_stated: int


class FeederLosses(Struct, frozen=True):
    """Of `feeder_losses_sql`."""

    feeder_id: str
    interval_count: int
    known_intervals: int
    supplied_kwh: float | None
    generation_kwh: float | None
    demand_kwh: float | None
    measured_loss_kwh: float | None
    measured_loss_pct: float | None
    coverage_pct: float | None
    unread_estimated_kwh: float | None
    estimated_loss_kwh: float | None
    estimated_loss_pct: float | None
