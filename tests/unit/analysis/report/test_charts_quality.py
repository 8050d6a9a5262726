from datetime import date

import polars as pl
import pytest
from tests.unit.analysis.report import drawn, report_frames

from utility_ts_analytics.analysis.report.charts_quality import gap_level, gap_map, reading_flags
from utility_ts_analytics.analysis.report.look import NARROW, WIDE, Shape


@pytest.mark.parametrize(
    ("present", "level"), [(96, 0), (95, 1), (92, 1), (91, 2), (48, 2), (47, 3), (1, 3), (0, 4)]
)
def test_level_says_how_much_is_missing(present: int, level: int) -> None:
    assert gap_level(present, 96) == level


@pytest.mark.parametrize("shape", [WIDE, NARROW], ids=["wide", "narrow"])
def test_cells_stand_where_the_frame_says(shape: Shape) -> None:
    axes = gap_map(shape, report_frames.gap_cells()).axes[0]
    assert drawn.boxes(axes) == [
        [(0.0, 0.0), (0.0, 1.0)],
        [(1.0, 0.0)],
        [],
        [(2.0, 0.0)],
        [(3.0, 0.0)],
    ]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["m-1", "m-2"]
    assert axes.get_xlim() == (0, 4)
    assert axes.get_ylim() == (2, 0)


def test_days_that_are_complete_are_drawn_as_one() -> None:
    rows = [("m-1", date(2024, 6, day), 96, 96) for day in range(1, 31)]
    cells = pl.DataFrame(rows, schema=["meter_id", "day", "expected", "present"], orient="row")
    axes = gap_map(WIDE, cells).axes[0]
    assert [len(level.get_paths()) for level in axes.collections] == [1, 0, 0, 0, 0]


@pytest.mark.parametrize("shape", [WIDE, NARROW], ids=["wide", "narrow"])
def test_pieces_of_a_bar_stand_on_each_other(shape: Shape) -> None:
    shares = pl.DataFrame(
        {"day": [date(2024, 6, 3), date(2024, 6, 4)], "E": [1.0, 2.0], "S": [0.5, None]}
    )
    axes = reading_flags(shape, shares, flags=["E", "S"]).axes[0]
    bars = [(bar.get_y(), bar.get_height()) for bar in drawn.bars(axes)]
    assert bars == [(0.0, 1.0), (0.0, 2.0), (1.0, 0.5), (2.0, 0.0)]
    assert "%" in axes.get_title(loc="left")
