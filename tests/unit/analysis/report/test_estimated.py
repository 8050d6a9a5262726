"""Section on estimated readings: its words, its table and its bars."""

from datetime import date

import polars as pl
import pytest
from tests.unit.analysis.report import drawn

from utility_ts_analytics.analysis.report.estimated import estimated_section, reading_flags
from utility_ts_analytics.analysis.report.theme import NARROW, WIDE, Shape


def _days(silent: int = 0) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "day": [date(2024, 6, 3), date(2024, 6, 4)],
            "readings": [100, 300],
            "estimated": [2, 6],
            "not_stated": [0, silent],
        }
    )


def test_estimated_readings_are_a_share_of_all() -> None:
    section = estimated_section(_days(), zone="UTC")
    assert section.finding == "2.00 % of the readings: 8 of 400."
    assert list(section.tables[0].rows[1]) == ["2024-06-04", "300", "6", "0", "2.00"]


def test_readings_without_a_flag_say_nothing_and_that_is_said() -> None:
    finding = estimated_section(_days(silent=40), zone="UTC").finding
    assert finding.endswith("10.00 % do not say how they came about.")


def test_without_readings_nothing_is_known() -> None:
    section = estimated_section(_days().clear(), zone="UTC")
    assert section.finding == "Not known: no reading lies in this period."
    assert not section.pictures


@pytest.mark.parametrize("shape", [WIDE, NARROW], ids=["wide", "narrow"])
def test_pieces_of_a_bar_stand_on_each_other(shape: Shape) -> None:
    shares = pl.DataFrame(
        {"day": [date(2024, 6, 3), date(2024, 6, 4)], "E": [1.0, 2.0], "S": [0.5, None]}
    )
    axes = reading_flags(shape, shares, flags=["E", "S"]).axes[0]
    bars = [(bar.get_y(), bar.get_height()) for bar in drawn.bars(axes)]
    assert bars == [(0.0, 1.0), (0.0, 2.0), (1.0, 0.5), (2.0, 0.0)]
    assert "%" in axes.get_title(loc="left")
