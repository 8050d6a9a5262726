import math

import polars as pl
import pytest
from tests.unit.analysis.report import drawn, report_frames

from utility_ts_analytics.analysis.report.charts_feeders import feeder_losses
from utility_ts_analytics.analysis.report.look import NARROW, WIDE, Shape


@pytest.mark.parametrize("shape", [WIDE, NARROW], ids=["wide", "narrow"])
def test_bars_and_lines_have_the_values_of_the_frames(shape: Shape) -> None:
    totals = pl.DataFrame(
        {
            "feeder_id": ["F2", "F1", "F3"],
            "loss_kwh": [20.0, 12.0, 0.0],
            "loss_pct": [10.0, 5.0, None],
        }
    )
    bars, lines = feeder_losses(shape, totals, report_frames.feeder_days(), zone="UTC").axes
    assert [bar.get_width() for bar in drawn.bars(bars)] == [10.0, 5.0, 0.0]
    assert [text.get_text() for text in bars.texts] == [
        "10 %  (20 kWh)",
        "5 %  (12 kWh)",
        "nothing supplied",
    ]
    second, first, _third = drawn.lines(lines)
    assert first == [5.0, 5.0]
    assert second[0] == 10.0
    assert math.isnan(second[1])  # not known: a break
    assert "%" in bars.get_xlabel()
    assert "%" in lines.get_title(loc="left")


def test_without_days_only_bars_are_drawn() -> None:
    totals = (
        report_frames.feeder_totals()
        .head(2)
        .select("feeder_id", loss_kwh="measured_loss_kwh", loss_pct="measured_loss_pct")
    )
    [bars] = feeder_losses(WIDE, totals, report_frames.feeder_days().clear(), zone="UTC").axes
    assert [bar.get_width() for bar in drawn.bars(bars)] == [10.0, 5.0]
