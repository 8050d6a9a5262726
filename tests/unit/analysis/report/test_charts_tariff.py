import pytest
from tests.unit.analysis.report import drawn, report_frames

from utility_ts_analytics.analysis.report.charts_tariff import energy_by_period, typical_day
from utility_ts_analytics.analysis.report.look import NARROW, WIDE, Shape


@pytest.mark.parametrize("shape", [WIDE, NARROW], ids=["wide", "narrow"])
def test_shares_of_a_group_fill_its_bar(shape: Shape) -> None:
    figure = energy_by_period(shape, report_frames.period_energy(), periods=["peak", "off-peak"])
    axes = figure.axes[0]
    bars = [(bar.get_x(), bar.get_width()) for bar in drawn.bars(axes)]
    assert bars == [(0.0, 30.0), (0.0, 25.0), (30.0, 70.0), (25.0, 75.0)]
    texts = [text.get_text() for text in axes.texts]
    assert texts == ["30 %", "25 %", "70 %", "75 %", "100 kWh", "200 kWh"]


def test_group_without_energy_has_no_bar() -> None:
    energy = report_frames.period_energy().with_columns(kwh=0.0)
    axes = energy_by_period(WIDE, energy, periods=["peak", "off-peak"]).axes[0]
    assert {bar.get_width() for bar in drawn.bars(axes)} == {0.0}


@pytest.mark.parametrize("shape", [WIDE, NARROW], ids=["wide", "narrow"])
def test_each_kind_of_day_has_its_panel(shape: Shape) -> None:
    working, weekend = typical_day(shape, report_frames.day_profile()).axes
    assert drawn.lines(working)[0] == [float(hour) for hour in range(24)]
    assert drawn.lines(weekend)[0] == [2.0 * hour for hour in range(24)]
    assert drawn.places(working)[0] == list(range(24))
    assert working.get_title(loc="left") == "working day: mean load, kW"
