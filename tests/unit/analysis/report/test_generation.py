"""Section on generation: its words, its tables and its chart."""

import pytest
from tests.unit.analysis.report import drawn, report_frames

from utility_ts_analytics.analysis.report.generation import generation_by_fuel, generation_section
from utility_ts_analytics.analysis.report.theme import NARROW, WIDE, Shape


def test_generation_is_told_by_fuel_and_plant() -> None:
    section = generation_section(*report_frames.generation(), zone="UTC")
    assert section.finding == (
        "9,000 kWh of energy: HYDRO 6,000 kWh and SOLAR 3,000 kWh."
        " P-HYDRO used most of its capacity, 50.0 %."
    )
    plants, days = section.tables
    assert [list(row) for row in plants.rows] == [
        ["P-HYDRO", "6.000", "12.000", "50.00", "100.00"],
        ["P-SOLAR", "3.000", "\N{EN DASH}", "\N{EN DASH}", "50.00"],
    ]
    assert list(days.rows[2]) == ["2024-06-03", "SOLAR", "2.000"]


def test_without_rows_the_section_says_so() -> None:
    days, plants = report_frames.generation()
    section = generation_section(days.clear(), plants, zone="UTC")
    assert section.finding == "Not known: no row in generation_output lies in this period."
    assert not section.pictures


@pytest.mark.parametrize("shape", [WIDE, NARROW], ids=["wide", "narrow"])
def test_days_are_stacked_and_factors_are_percent(shape: Shape) -> None:
    days, factors = generation_by_fuel(shape, *report_frames.generation()).axes
    bars = [(bar.get_y(), bar.get_height()) for bar in drawn.bars(days)]
    assert bars == [(0.0, 3.0), (0.0, 3.0), (3.0, 2.0), (3.0, 1.0)]
    widths = [bar.get_width() for bar in drawn.bars(factors)]
    assert widths == [100.0, 100.0, 50.0, 0.0]
    assert [text.get_text() for text in factors.texts] == ["50 %", "not known"]
    assert "MWh" in days.get_title(loc="left")
