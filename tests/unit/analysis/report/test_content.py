from tests.unit.analysis.report import report_frames

from utility_ts_analytics.analysis.report.content import Picture
from utility_ts_analytics.analysis.report.generation import generation_section
from utility_ts_analytics.analysis.report.tariff import tariff_section
from utility_ts_analytics.analysis.report.theme import NARROW, WIDE


def test_picture_is_drawn_for_the_shape_it_is_asked_for() -> None:
    days, plants = report_frames.generation()
    [picture] = generation_section(days, plants, zone="UTC").pictures
    assert isinstance(picture, Picture)
    assert picture.draw(WIDE).get_figwidth() == WIDE.width_in
    assert picture.draw(NARROW).get_figwidth() == NARROW.width_in


def test_rows_of_tables_are_as_long_as_their_heads() -> None:
    section = tariff_section(
        report_frames.period_energy(),
        report_frames.day_profile(),
        periods=["peak", "off-peak"],
        zone="UTC",
    )
    for table in section.tables:
        assert {len(row) for row in table.rows} == {len(table.columns)}
