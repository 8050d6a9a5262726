"""Section on peaks: its words, its table and its marks."""

from datetime import timedelta

from matplotlib.figure import Figure
from tests.unit.analysis.report import drawn, report_frames

from utility_ts_analytics.analysis.report.peaks import peak_spread, peaks_section
from utility_ts_analytics.analysis.report.theme import WIDE

START = report_frames.START


def test_peaks_are_compared_with_the_common_one() -> None:
    section = peaks_section(
        report_frames.peaks(),
        system_kw=64.0,
        system_ts=START + timedelta(hours=18),
        zone="UTC",
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
        zone="UTC",
    )
    assert "No reading of a meter with a feeder" in section.finding
    assert not section.pictures


def _texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def test_peaks_are_where_the_frame_says() -> None:
    figure = peak_spread(WIDE, report_frames.peaks(), names="Feeder")
    shared, own = drawn.marks(figure.axes[0])
    assert shared == [(40.0, 0.0), (20.0, 1.0)]
    assert own == [(50.0, 0.0), (30.0, 1.0)]
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["F1", "F2"]
    assert _texts(figure) == ["50 kW", "30 kW"]
