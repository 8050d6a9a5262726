"""Small frames for charts and sections, with values that a test can count by hand."""

from datetime import UTC, date, datetime, timedelta

import polars as pl

START = datetime(2024, 6, 3, tzinfo=UTC)
"""A Monday."""
FEEDER_LOSSES = [
    *("feeder_id", "interval_count", "known_intervals"),
    *("supplied_kwh", "generation_kwh", "demand_kwh", "measured_loss_kwh", "measured_loss_pct"),
    *("coverage_pct", "unread_estimated_kwh", "estimated_loss_kwh", "estimated_loss_pct"),
]
CAPACITY_FACTOR = [
    *("plant_id", "mwh", "capacity_mwh", "capacity_factor"),
    *("hours_with_data", "coverage_pct", "capacity_factor_with_data"),
]
HOSTILE = "<script>alert(1)</script>&\"'$x^2$\x01"


def load_curves(hours: int = 48, segment: str = "residential") -> pl.DataFrame:
    """Hour `n` has 100 + n kW in all, of which 40 + n are of the segment."""
    rows = [
        (START + timedelta(hours=hour), group, base + hour)
        for hour in range(hours)
        for group, base in (("all meters", 100.0), (segment, 40.0))
    ]
    return pl.DataFrame(rows, schema=["ts", "group", "mean_kw"], orient="row")


def feeder_totals(feeder: str = "F1") -> pl.DataFrame:
    """Two feeders and a third of which nothing is known; the one that loses most first."""
    rows = [
        ("F2", 96, 96, 200.0, 0.0, 180.0, 20.0, 10.0, 100.0, 0.0, 20.0, 10.0),
        (feeder, 192, 180, 210.0, 30.0, 228.0, 12.0, 5.0, 99.48, 2.0, 10.0, 4.17),
        ("F3", 96, 0, *[None] * 9),
    ]
    return pl.DataFrame(rows, schema=FEEDER_LOSSES, orient="row")


def feeder_days(feeder: str = "F1") -> pl.DataFrame:
    """Two days of two feeders; the second feeder's second day is not known."""
    rows = [
        (START, feeder, 100.0, 20.0, 114.0, 6.0, 5.0, 98.96),
        (START, "F2", 200.0, 0.0, 180.0, 20.0, 10.0, 100.0),
        (START + timedelta(days=1), feeder, 110.0, 10.0, 114.0, 6.0, 5.0, 100.0),
        (START + timedelta(days=1), "F2", None, 0.0, 180.0, None, None, 100.0),
    ]
    columns = [
        "ts",
        "feeder_id",
        "supplied_kwh",
        "generation_kwh",
        "demand_kwh",
        "loss_kwh",
        "loss_pct",
        "coverage_pct",
    ]
    return pl.DataFrame(rows, schema=columns, orient="row")


def gap_cells(meter: str = "m-1") -> pl.DataFrame:
    """Four days of a meter, with 96, 92, 10 and 0 of 96 readings; one whole day of another."""
    rows: list[tuple[str, date, int, int]] = [
        (meter, date(2024, 6, 3 + place), 96, present)
        for place, present in enumerate((96, 92, 10, 0))
    ]
    rows.append(("m-2", date(2024, 6, 3), 96, 96))
    return pl.DataFrame(rows, schema=["meter_id", "day", "expected", "present"], orient="row")


def period_energy(group: str = "residential") -> pl.DataFrame:
    rows = [
        (group, "peak", 30.0),
        (group, "off-peak", 70.0),
        ("commercial", "peak", 50.0),
        ("commercial", "off-peak", 150.0),
    ]
    return pl.DataFrame(rows, schema=["group", "period", "kwh"], orient="row")


def day_profile(group: str = "residential") -> pl.DataFrame:
    """Hourly; hour h has h kW on working days and 2 h kW at weekends."""
    rows = [
        (kind, group, 60 * hour, float(factor * hour))
        for kind, factor in (("working day", 1), ("weekend", 2))
        for hour in range(24)
    ]
    return pl.DataFrame(rows, schema=["day_kind", "group", "minute", "mean_kw"], orient="row")


def generation(fuel: str = "SOLAR") -> tuple[pl.DataFrame, pl.DataFrame]:
    """Days by fuel, and plants."""
    days = [
        (date(2024, 6, 3), "HYDRO", 3.0),
        (date(2024, 6, 4), "HYDRO", 3.0),
        (date(2024, 6, 3), fuel, 2.0),
        (date(2024, 6, 4), fuel, 1.0),
    ]
    plants = [
        ("P-HYDRO", 6.0, 12.0, 0.5, 48.0, 100.0, 0.5),
        ("P-SOLAR", 3.0, None, None, 24.0, 50.0, None),
    ]
    return (
        pl.DataFrame(days, schema=["day", "fuel_type", "mwh"], orient="row"),
        pl.DataFrame(plants, schema=CAPACITY_FACTOR, orient="row"),
    )


def peaks(group: str = "F1") -> pl.DataFrame:
    rows = [
        (group, 50.0, START + timedelta(hours=9), 40.0, 90.0),
        ("F2", 30.0, START + timedelta(hours=19), 20.0, 60.0),
    ]
    columns = ["group", "own_peak_kw", "own_peak_ts", "at_system_peak_kw", "meters_peaks_kw"]
    return pl.DataFrame(rows, schema=columns, orient="row")
