"""Small frames for charts and sections, with values that a test can count by hand."""

from datetime import UTC, date, datetime, timedelta

import polars as pl

START = datetime(2024, 6, 3, tzinfo=UTC)
"""A Monday."""
HOSTILE = "<script>alert(1)</script>&\"'$x^2$\x01"


def load_curves(hours: int = 48, segment: str = "residential") -> pl.DataFrame:
    """Hour `n` has 100 + n kW in all, of which 40 + n are of the segment."""
    rows = [
        (START + timedelta(hours=hour), group, base + hour)
        for hour in range(hours)
        for group, base in (("all meters", 100.0), (segment, 40.0))
    ]
    return pl.DataFrame(rows, schema=["ts", "group", "mean_kw"], orient="row")


def feeder_days(feeder: str = "F1") -> pl.DataFrame:
    """Two days of two feeders; the second feeder's second day is not known."""
    rows = [
        (START, feeder, 100.0, 20.0, 114.0, 6.0, 96, 95),
        (START, "F2", 200.0, 0.0, 180.0, 20.0, 96, 96),
        (START + timedelta(days=1), feeder, 110.0, 10.0, 114.0, 6.0, 96, 96),
        (START + timedelta(days=1), "F2", None, 0.0, 180.0, None, 96, 96),
    ]
    columns = [
        "ts",
        "feeder_id",
        "supplied_kwh",
        "generation_kwh",
        "demand_kwh",
        "loss_kwh",
        "expected_readings",
        "present_readings",
    ]
    entered = pl.col("supplied_kwh") + pl.col("generation_kwh")
    return pl.DataFrame(rows, schema=columns, orient="row").with_columns(
        loss_pct=100 * pl.col("loss_kwh") / entered
    )


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
    days = [
        (date(2024, 6, 3), fuel, 2.0),
        (date(2024, 6, 3), "HYDRO", 3.0),
        (date(2024, 6, 4), fuel, 1.0),
        (date(2024, 6, 4), "HYDRO", 3.0),
    ]
    fuels = [("HYDRO", 6.0, 0.25, 0.5), (fuel, 3.0, None, None)]
    return (
        pl.DataFrame(days, schema=["day", "fuel_type", "mwh"], orient="row"),
        pl.DataFrame(
            fuels, schema=["fuel_type", "mwh", "capacity_mw", "capacity_factor"], orient="row"
        ),
    )


def peaks(group: str = "F1") -> pl.DataFrame:
    rows = [
        (group, 50.0, START + timedelta(hours=9), 40.0),
        ("F2", 30.0, START + timedelta(hours=19), 20.0),
    ]
    columns = ["group", "own_peak_kw", "own_peak_ts", "at_system_peak_kw"]
    return pl.DataFrame(rows, schema=columns, orient="row")
