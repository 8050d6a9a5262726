import pytest
from tests.unit.analysis.report import drawn, report_frames

from utility_ts_analytics.analysis.report.charts_generation import generation_by_fuel
from utility_ts_analytics.analysis.report.look import NARROW, WIDE, Shape


@pytest.mark.parametrize("shape", [WIDE, NARROW], ids=["wide", "narrow"])
def test_days_are_stacked_and_factors_are_percent(shape: Shape) -> None:
    days, factors = generation_by_fuel(shape, *report_frames.generation()).axes
    bars = [(bar.get_y(), bar.get_height()) for bar in drawn.bars(days)]
    assert bars == [(0.0, 3.0), (0.0, 3.0), (3.0, 2.0), (3.0, 1.0)]
    widths = [bar.get_width() for bar in drawn.bars(factors)]
    assert widths == [100.0, 100.0, 50.0, 0.0]
    assert [text.get_text() for text in factors.texts] == ["50 %", "not known"]
    assert "MWh" in days.get_title(loc="left")
