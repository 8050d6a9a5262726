import itertools
import math
from datetime import timedelta

import polars as pl
import pytest
from matplotlib import dates
from matplotlib.figure import Figure
from tests.unit.analysis.report import drawn, report_frames

from utility_ts_analytics.analysis.report.charts_load import load_curves, peak_spread
from utility_ts_analytics.analysis.report.look import NARROW, WIDE, Shape

START = report_frames.START


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


def test_peaks_are_where_the_frame_says() -> None:
    figure = peak_spread(WIDE, report_frames.peaks(), names="Feeder")
    shared, own = drawn.marks(figure.axes[0])
    assert shared == [(40.0, 0.0), (20.0, 1.0)]
    assert own == [(50.0, 0.0), (30.0, 1.0)]
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["F1", "F2"]
    assert _texts(figure) == ["50 kW", "30 kW"]
