from datetime import timedelta

from tests.unit.analysis.report import report_frames

from utility_ts_analytics.analysis.report.sections_load import load_section, peaks_section

START = report_frames.START


def test_load_is_told_with_its_extremes_and_every_value() -> None:
    section = load_section(
        report_frames.load_curves(24), total="all meters", bucket="hour", zone="Europe/Berlin"
    )
    assert section.finding == (
        "By the hour, the load peaked at 123 kW on Tue 4 June, 01:00."
        " It was 112 kW on average and 100 kW at the lowest, on Mon 3 June, 02:00."
    )
    [table] = section.tables
    assert table.columns == ["Start (Europe/Berlin)", "all meters, kW", "residential, kW"]
    assert len(table.rows) == 24
    assert list(table.rows[1]) == ["2024-06-03 03:00 +0200", "101.0", "41.0"]


def test_without_readings_the_section_says_so() -> None:
    empty = report_frames.load_curves(24).clear()
    section = load_section(empty, total="all meters", bucket="hour", zone="UTC")
    assert section.finding == "No reading in meter_usage lies in this period."
    assert not section.pictures
    assert not section.tables


def test_peaks_are_compared_with_the_common_one() -> None:
    section = peaks_section(
        report_frames.peaks(),
        system_kw=64.0,
        system_ts=START + timedelta(hours=18),
        names="feeder",
        zone="UTC",
        drawn_max=5,
    )
    assert section.finding == (
        "All together peaked at 64.0 kW on Mon 3 June, 18:00;"
        " the feeders' own peaks add up to 80.0 kW, 1.25 times as much."
    )
    assert list(section.tables[0].rows[1]) == [
        "F2",
        "30.0",
        "2024-06-03 19:00 +0000",
        "20.0",
        "60.0",
    ]


def test_without_groups_there_are_no_peaks() -> None:
    section = peaks_section(
        report_frames.peaks().clear(),
        system_kw=None,
        system_ts=None,
        names="feeder",
        zone="UTC",
        drawn_max=5,
    )
    assert "No reading of a meter with a feeder" in section.finding
    assert not section.pictures
