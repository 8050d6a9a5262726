import polars as pl
from tests.unit.analysis.report import report_frames

from utility_ts_analytics.analysis.report.sections_feeders import losses_section


def test_losses_are_sums_over_the_days_that_are_known() -> None:
    section = losses_section(report_frames.feeder_days(), zone="UTC", feeders_max=5)
    # F1: 12 of 240, F2: 20 of 200; its second day is not known.
    assert section.finding == (
        "32.0 kWh of 440 kWh were lost, 7.3 %."
        " F2 lost most energy (20.0 kWh) and the largest share (10.0 %)."
    )
    totals, days = section.tables
    assert [list(row) for row in totals.rows] == [
        ["F2", "200.0", "0.0", "180.0", "20.0", "10.00", "100.00", "1"],
        ["F1", "210.0", "30.0", "228.0", "12.0", "5.00", "99.48", "2"],
    ]
    assert len(days.rows) == 3
    assert "Left out: 1 feeder day of 4 on which something was not measured throughout." in (
        section.notes
    )


def test_only_the_feeders_that_lose_most_are_drawn_and_it_is_said() -> None:
    section = losses_section(report_frames.feeder_days(), zone="UTC", feeders_max=1)
    assert {row[1] for row in section.tables[1].rows} == {"F2"}
    assert len(section.tables[0].rows) == 2
    assert "Drawn are the 1 feeders that lose most energy, of 2." in section.notes


def test_losses_below_zero_are_called_out() -> None:
    days = report_frames.feeder_days().with_columns(loss_kwh=-pl.col("loss_kwh"))
    finding = losses_section(days, zone="UTC", feeders_max=5).finding
    assert "Below zero, so something is wrong with the data: F1 and F2." in finding


def test_without_measurements_the_section_says_why() -> None:
    days = report_frames.feeder_days()
    assert (
        "no meter or plant is mapped"
        in losses_section(days.clear(), zone="UTC", feeders_max=5).finding
    )
    unknown = days.with_columns(loss_kwh=pl.lit(None, pl.Float64))
    section = losses_section(unknown, zone="UTC", feeders_max=5)
    assert "on no day" in section.finding
    assert not section.pictures
