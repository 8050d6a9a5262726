from tests.unit.analysis.report import report_frames

from utility_ts_analytics.analysis.report.sections_generation import generation_section


def test_generation_is_told_by_fuel_and_plant() -> None:
    section = generation_section(*report_frames.generation(), zone="UTC")
    assert section.finding == (
        "9,000 kWh of energy: HYDRO 6,000 kWh and SOLAR 3,000 kWh."
        " P-HYDRO used most of its capacity, 50.0 %."
    )
    plants, days = section.tables
    assert [list(row) for row in plants.rows] == [
        ["P-HYDRO", "6.000", "12.000", "50.00", "100.00"],
        ["P-SOLAR", "3.000", "\N{EN DASH}", "\N{EN DASH}", "50.00"],
    ]
    assert list(days.rows[2]) == ["2024-06-03", "SOLAR", "2.000"]


def test_without_rows_the_section_says_so() -> None:
    days, plants = report_frames.generation()
    section = generation_section(days.clear(), plants, zone="UTC")
    assert section.finding == "Not known: no row in generation_output lies in this period."
    assert not section.pictures
