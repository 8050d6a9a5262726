"""Section on losses: its words, its tables and its chart."""

import math

import polars as pl
import pytest
from tests.unit.analysis.report import drawn, report_frames

from utility_ts_analytics.analysis.report.content import Section
from utility_ts_analytics.analysis.report.losses import feeder_losses, losses_section
from utility_ts_analytics.analysis.report.theme import NARROW, WIDE, Shape

UNKNOWN = "\N{EN DASH}"


def _section(totals: pl.DataFrame | None = None, *, feeders_max: int = 5) -> Section:
    if totals is None:
        totals = report_frames.feeder_totals()
    return losses_section(totals, report_frames.feeder_days(), zone="UTC", feeders_max=feeders_max)


def test_losses_are_told_with_their_shares_and_what_is_not_known() -> None:
    section = _section()
    # F1: 12 of 240, F2: 20 of 200.
    assert section.finding == (
        "32.0 kWh of 440 kWh were lost, 7.3 %."
        " F2 lost most energy (20.0 kWh) and the largest share (10.0 %)."
    )
    totals, days = section.tables
    assert [list(row) for row in totals.rows] == [
        ["F2", "200.0", "0.0", "180.0", "20.0", "10.00", "20.0", "10.00", "100.00", "96 of 96"],
        ["F1", "210.0", "30.0", "228.0", "12.0", "5.00", "10.0", "4.17", "99.48", "180 of 192"],
        ["F3", *[UNKNOWN] * 8, "0 of 96"],
    ]
    assert list(days.rows[3]) == [
        *("2024-06-04", "F2", UNKNOWN, "0.0", "180.0", UNKNOWN, UNKNOWN, "100.00"),
    ]
    assert section.notes[-1] == (
        "Left out: 108 intervals in which something was not measured, of 384 of all feeders."
    )
    assert section.figure is not None
    assert (section.figure.value, section.figure.detail) == ("7.3 %", "32.0 kWh")


def test_only_the_feeders_that_lose_most_are_drawn_and_it_is_said() -> None:
    section = _section(feeders_max=1)
    assert len(section.tables[0].rows) == 3
    assert "Drawn are the 1 feeders that lose most energy, of 2." in section.notes


def test_losses_below_zero_are_called_out() -> None:
    totals = report_frames.feeder_totals()
    finding = _section(totals.with_columns(measured_loss_kwh=-pl.col("measured_loss_kwh"))).finding
    assert "Below zero, so something is wrong with the data: F2 and F1." in finding


def test_without_whole_days_there_is_no_table_of_days() -> None:
    days = report_frames.feeder_days().clear()
    section = losses_section(report_frames.feeder_totals(), days, zone="UTC", feeders_max=5)
    assert len(section.tables) == 1
    assert section.pictures


def test_without_measurements_the_section_says_why() -> None:
    totals = report_frames.feeder_totals()
    assert "no meter or plant is mapped" in _section(totals.clear()).finding
    section = _section(totals.filter(pl.col("known_intervals") == 0))
    assert "in no interval are" in section.finding
    assert not section.pictures


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
