"""Section on missing readings: its words, its table and its map."""

from datetime import date, timedelta

import polars as pl
import pytest
from tests.unit.analysis.report import drawn, report_frames

from utility_ts_analytics.analysis.report.gaps import (
    COLUMNS_MAX,
    Gaps,
    cells_of,
    gap_level,
    gap_map,
    gaps_section,
)
from utility_ts_analytics.analysis.report.theme import NARROW, WIDE, Shape


def _answer(days: int) -> pl.DataFrame:
    rows = [
        (date(2024, 1, 1) + timedelta(days=day), meter, 96, 96 - missing)
        for meter, missing in (("m-2", 2), ("m-1", 1))
        for day in range(days)
    ]
    columns = ["day", "meter_id", "expected", "present"]
    return pl.DataFrame(rows, schema=columns, orient="row")


def test_meters_keep_the_order_they_were_named_in() -> None:
    cells, per_column = cells_of(_answer(3))
    assert cells["meter_id"].unique(maintain_order=True).to_list() == ["m-2", "m-1"]
    assert (per_column, len(cells)) == (1, 6)


def test_meters_without_gaps_leave_no_cells() -> None:
    cells, per_column = cells_of(_answer(3).clear())
    assert (per_column, len(cells)) == (1, 0)


def test_days_of_a_year_are_put_together() -> None:
    cells, per_column = cells_of(_answer(366))
    assert per_column == 6
    assert cells["day"].n_unique() <= COLUMNS_MAX
    assert cells["meter_id"].unique(maintain_order=True).to_list() == ["m-2", "m-1"]
    assert all(days["day"].is_sorted() for days in cells.partition_by("meter_id"))
    assert cells["expected"].sum() == 2 * 366 * 96
    assert cells["present"].sum() == 2 * 366 * 96 - 3 * 366
    assert cells["expected"][0] == 6 * 96


def _gaps(**changes: int) -> Gaps:
    figures = {"meters": 10, "meters_with_gaps": 1, "expected": 3_840, "missing": 186, **changes}
    return Gaps(cells=report_frames.gap_cells(), **figures)


def test_gaps_are_counted_and_listed() -> None:
    section = gaps_section(_gaps(), zone="UTC")
    assert section.finding == (
        "186 readings of 3,840: 95.16 % are there. 1 of 10 meters were not read in full."
    )
    assert [list(row) for row in section.tables[0].rows] == [
        ["m-1", "2024-06-04", "96", "92", "4"],
        ["m-1", "2024-06-05", "96", "10", "86"],
        ["m-1", "2024-06-06", "96", "0", "96"],
    ]
    assert section.pictures[0].title == (
        "Completeness of each day (UTC), for the 2 meters with most missing"
    )


def test_what_was_left_out_of_the_map_is_said() -> None:
    section = gaps_section(_gaps(meters_with_gaps=7, days_per_column=3), zone="UTC", notes=["n"])
    assert section.pictures[0].title.startswith("Completeness of every 3 days")
    assert section.notes[-1] == (
        "Drawn and listed are the 2 meters that lack most, of 7 with gaps."
    )


def test_complete_readings_need_no_map() -> None:
    section = gaps_section(_gaps(missing=0, meters_with_gaps=0), zone="UTC")
    assert section.finding == "Nothing: all 3,840 readings of 10 meters are there."
    assert not section.pictures


def test_without_meters_nothing_is_known() -> None:
    section = gaps_section(_gaps(meters=0, expected=0, missing=0), zone="UTC")
    assert section.finding.startswith("Not known: no meter should have been read")
    assert section.figure is None


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
