import itertools
import re
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

from utility_ts_analytics.analysis.report import theme
from utility_ts_analytics.analysis.report.theme import NARROW, WIDE, Shape, chart, label, number

STYLE = Path(theme.__file__).with_name("report.css").read_text()


def _luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _dark(colour: str) -> str:
    found = re.search(rf'\[fill="{colour}"\] {{ fill: (#\w+); }}', STYLE)
    assert found, f"{colour} stays as it is in the dark"
    return found[1]


@pytest.mark.parametrize("colour", theme.COLOURS)
def test_every_colour_has_one_for_the_dark(colour: str) -> None:
    dark = _dark(colour)
    assert f'[stroke="{colour}"] {{ stroke: {dark}; }}' in STYLE


@pytest.mark.parametrize("colour", theme.SERIES)
def test_a_series_stands_out_from_the_paper_in_light_and_dark(colour: str) -> None:
    assert _contrast(colour, theme.PAPER) >= 3
    assert _contrast(_dark(colour), _dark(theme.PAPER)) >= 3


def test_text_is_readable_in_light_and_dark() -> None:
    for colour in (theme.INK, theme.SOFT):
        assert _contrast(colour, theme.PAPER) >= 4.5
        assert _contrast(_dark(colour), _dark(theme.PAPER)) >= 4.5


def test_levels_are_told_by_lightness_alone() -> None:
    light = [_luminance(colour) for colour in theme.LEVELS]
    dark = [_luminance(_dark(colour)) for colour in theme.LEVELS]
    assert light == sorted(light, reverse=True)
    assert dark == sorted(dark)
    for levels in (light, dark):
        steps = itertools.pairwise(levels)
        assert all(max(a, b) + 0.05 >= 1.2 * (min(a, b) + 0.05) for a, b in steps)


def test_chart_leaves_no_trace_in_the_process() -> None:
    before = dict(mpl.rcParams)
    seen: list[float] = []

    @chart
    def drawn(figure: Figure, shape: Shape) -> None:
        seen.append(mpl.rcParams["font.size"])
        figure.add_subplot()

    assert drawn(WIDE).get_figwidth() == WIDE.width_in
    assert drawn(NARROW).get_figwidth() == NARROW.width_in
    assert seen == [WIDE.font_pt, NARROW.font_pt]
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1.0, "1"),
        (12345.6, "12,346"),
        (123.4, "123"),
        (1.234, "1.23"),
        (0.25, "0.25"),
        (-2.5, "\N{MINUS SIGN}2.5"),
        (-0.0001, "0"),
    ],
)
def test_number_is_written_for_people(value: float, text: str) -> None:
    assert number(value) == text


def test_label_is_short_and_printable() -> None:
    assert label("M-F1-001") == "M-F1-001"
    assert label("a\nb\x1b") == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}"
    assert label("x" * 20 + "y" * 20, 10) == "xxxxx\N{HORIZONTAL ELLIPSIS}yyyy"
