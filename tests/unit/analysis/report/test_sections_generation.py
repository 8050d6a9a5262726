from tests.unit.analysis.report import report_frames

from utility_ts_analytics.analysis.report.sections_generation import generation_section


def test_generation_is_told_by_fuel() -> None:
    section = generation_section(*report_frames.generation(), zone="UTC")
    assert (
        section.finding == "9,000 kWh: HYDRO 6,000 kWh (50.0 % of its capacity), SOLAR 3,000 kWh."
    )
    fuels, days = section.tables
    assert [list(row) for row in fuels.rows] == [
        ["HYDRO", "6.000", "0.250", "50.00"],
        ["SOLAR", "3.000", "\N{EN DASH}", "\N{EN DASH}"],
    ]
    assert list(days.rows[0]) == ["2024-06-03", "SOLAR", "2.000"]


def test_without_rows_the_section_says_so() -> None:
    days, fuels = report_frames.generation()
    section = generation_section(days.clear(), fuels.clear(), zone="UTC")
    assert section.finding == "Not known: no row in generation_output lies in this period."
    assert not section.pictures
