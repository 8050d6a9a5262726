"""Section on load: its words, its table and its curves."""

import itertools
import math
from datetime import timedelta

import polars as pl
import pytest
from matplotlib import dates
from matplotlib.figure import Figure
from tests.unit.analysis.report import drawn, report_frames

from utility_ts_analytics.analysis.report.load import load_curves, load_section
from utility_ts_analytics.analysis.report.theme import NARROW, WIDE, Shape

START = report_frames.START


def test_load_is_told_with_its_extremes_and_every_value() -> None:
    section = load_section(report_frames.load_curves(24), bucket="hour", zone="Europe/Berlin")
    assert section.finding == (
        "By the hour, the load peaked at 123 kW on Tue 4 June, 01:00."
        " It was 112 kW on average and 100 kW at the lowest, on Mon 3 June, 02:00."
    )
    [table] = section.tables
    assert table.columns == ["Start (Europe/Berlin)", "all meters, kW", "residential, kW"]
    assert len(table.rows) == 24
    assert list(table.rows[1]) == ["2024-06-03 03:00 +0200", "101.0", "41.0"]


def test_without_readings_the_section_says_so() -> None:
    empty = report_frames.load_curves(24).clear()
    section = load_section(empty, bucket="hour", zone="UTC")
    assert section.finding == "No reading in meter_usage lies in this period."
    assert not section.pictures
    assert not section.tables


def _texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


@pytest.mark.parametrize("shape", [WIDE, NARROW], ids=["wide", "narrow"])
def test_curves_have_the_values_of_the_frame(shape: Shape) -> None:
    figure = load_curves(shape, report_frames.load_curves(), total="all meters", zone="UTC")
    whole, segment = drawn.lines(figure.axes[0])
    times = [float(dates.date2num(START + timedelta(hours=hour))) for hour in range(48)]
    assert drawn.places(figure.axes[0]) == [times, times]
    assert whole == [100.0 + hour for hour in range(48)]
    assert segment == [40.0 + hour for hour in range(48)]
    assert figure.axes[0].get_title(loc="left") == "Mean load, kW"
    assert set(_texts(figure)) == {"all meters", "residential"}


def test_missing_interval_is_a_break_not_a_line_across() -> None:
    curves = report_frames.load_curves(6)
    gap = [START + timedelta(hours=2), START + timedelta(hours=3)]
    figure = load_curves(
        WIDE, curves.filter(~pl.col("ts").is_in(gap)), total="all meters", zone="UTC"
    )
    values = drawn.lines(figure.axes[0])[0]
    assert [value for value in values if not math.isnan(value)] == [100.0, 101.0, 104.0, 105.0]
    assert [math.isnan(value) for value in values] == [False, False, True, False, False]


def test_names_at_the_ends_do_not_cover_each_other() -> None:
    rows = [(START, f"segment {place}", 50.0) for place in range(4)]
    curves = pl.DataFrame(rows, schema=["ts", "group", "mean_kw"], orient="row")
    figure = load_curves(WIDE, curves, total="segment 0", zone="UTC")
    places = sorted(text.xy[1] for text in figure.axes[0].texts)  # type: ignore[attr-defined]
    assert all(b - a >= 0.06 for a, b in itertools.pairwise(places))


@pytest.mark.parametrize("hours", [1, 24, 24 * 7, 24 * 60], ids=str)
def test_axis_of_any_length_has_a_few_days_on_it(hours: int) -> None:
    figure = load_curves(
        NARROW, report_frames.load_curves(hours), total="all meters", zone="Europe/Berlin"
    )
    figure.draw_without_rendering()
    assert 0 <= len(figure.axes[0].get_xticklabels()) <= 10


def test_weekend_of_the_zone_is_shaded() -> None:
    figure = load_curves(
        WIDE, report_frames.load_curves(24 * 7), total="all meters", zone="Europe/Berlin"
    )
    saturday, sunday = (patch.get_extents() for patch in figure.axes[0].patches)
    axes = figure.axes[0].transData
    start = float(dates.date2num(START + timedelta(days=5, hours=-2)))
    assert saturday.x0 == pytest.approx(axes.transform((start, 0))[0], abs=0.01)
    assert saturday.x1 == pytest.approx(sunday.x0)
