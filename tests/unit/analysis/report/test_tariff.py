"""Section on the tariff: its words, its tables and its charts."""

import polars as pl
import pytest
from tests.unit.analysis.report import drawn, report_frames

from utility_ts_analytics.analysis.report.queries import largest_groups
from utility_ts_analytics.analysis.report.tariff import (
    busiest_first,
    energy_by_period,
    tariff_section,
)
from utility_ts_analytics.analysis.report.theme import NARROW, WIDE, Shape
from utility_ts_analytics.analysis.report.typical_day import typical_day


def test_periods_stand_from_the_busiest_to_the_quietest() -> None:
    names = ["off-peak", "shoulder", "peak", "night", "critical peak", "day"]
    energies = pl.DataFrame({"period": names})
    assert busiest_first(energies) == [
        *("peak", "critical peak", "day", "shoulder", "off-peak", "night")
    ]


def test_only_the_first_groups_are_drawn() -> None:
    energies = pl.DataFrame({"group": [f"s{place}" for place in range(9) for _ in range(2)]})
    assert largest_groups(energies) == ["s0", "s1", "s2", "s3", "s4"]


def test_energy_is_told_by_period_and_segment() -> None:
    section = tariff_section(
        report_frames.period_energy(),
        report_frames.day_profile(),
        periods=["peak", "off-peak"],
        zone="UTC",
    )
    assert section.finding == "Of 300 kWh, 27 % in peak time and 73 % in off-peak time."
    energy, day = section.tables
    assert [list(row) for row in energy.rows] == [
        ["residential", "30.0", "70.0"],
        ["commercial", "50.0", "150.0"],
    ]
    assert list(day.rows[25]) == ["weekend", "residential", "01:00", "2.00"]
    assert len(section.pictures) == 2
    assert "46.0 kW at 23:00, weekend" in section.pictures[1].description


def test_without_readings_the_section_says_so() -> None:
    section = tariff_section(
        report_frames.period_energy().clear(),
        report_frames.day_profile().clear(),
        periods=["peak"],
        zone="UTC",
    )
    assert section.finding.startswith("Not known: no reading")
    assert not section.pictures


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
