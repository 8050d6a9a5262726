from tests.unit.analysis.report import report_frames

from utility_ts_analytics.analysis.report.sections_tariff import tariff_section


def test_energy_is_told_by_period_and_segment() -> None:
    section = tariff_section(
        report_frames.period_energy(),
        report_frames.day_profile(),
        periods=["peak", "off-peak"],
        zone="UTC",
    )
    assert section.finding == "Of 300 kWh, 27 % in peak time and 73 % in off-peak time."
    energy, day = section.tables
    assert [list(row) for row in energy.rows] == [
        ["residential", "30.0", "70.0"],
        ["commercial", "50.0", "150.0"],
    ]
    assert list(day.rows[25]) == ["weekend", "residential", "01:00", "2.00"]
    assert len(section.pictures) == 2
    assert "46.0 kW at 23:00, weekend" in section.pictures[1].description


def test_without_readings_the_section_says_so() -> None:
    section = tariff_section(
        report_frames.period_energy().clear(),
        report_frames.day_profile().clear(),
        periods=["peak"],
        zone="UTC",
    )
    assert section.finding.startswith("Not known: no reading")
    assert not section.pictures
