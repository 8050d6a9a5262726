from datetime import date

import polars as pl
from tests.unit.analysis.report import report_frames

from utility_ts_analytics.analysis.report.sections_quality import (
    Gaps,
    estimated_section,
    gaps_section,
)


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
