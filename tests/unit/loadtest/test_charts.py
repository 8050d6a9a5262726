"""Curves: drawn inside their frame, and well-formed."""

import xml.etree.ElementTree as ET

import pytest
from loadtest.charts import HEIGHT, WIDTH, Chart, Curve, nice_ceiling, short


def drawn(chart: Chart) -> list[list[tuple[float, float]]]:
    text = chart.html()
    svg = ET.fromstring(  # noqa: S314 - our own
        text[text.index("<svg") : text.index("</svg>") + 6]
        .replace("<path class=grid", '<path class="grid"')
        .replace("<path class=limit", '<path class="limit"')
        .replace("<text class=y", '<text class="y"')
        .replace("<text class=x", '<text class="x"')
    )
    lines = [line.get("points") or "" for line in svg.iter("polyline")]
    pairs = [[pair.split(",") for pair in line.split()] for line in lines]
    return [[(float(x), float(y)) for x, y in line] for line in pairs]


def test_higher_values_are_higher_up_and_later_ones_further_right() -> None:
    [line] = drawn(Chart("t", "u", [Curve("c", [(0, 0), (5, 10), (10, 4)])]))
    (x0, y0), (x1, y1), (x2, y2) = line
    assert x0 < x1 < x2
    assert y1 < y2 < y0
    assert x1 == pytest.approx((x0 + x2) / 2)


@pytest.mark.parametrize("x_log", [False, True])
@pytest.mark.parametrize("limit", [None, 5000.0])
def test_every_point_is_inside_the_picture(x_log: bool, limit: float | None) -> None:
    points = [(0.5, 0.0), (1, 12.5), (700, 999.0), (90_000, 3.0)]
    chart = Chart("t", "u", [Curve("a", points), Curve("b", points[:1])], x_log=x_log, limit=limit)
    lines = drawn(chart)
    assert [len(line) for line in lines] == [4, 1]
    assert all(0 < x < WIDTH and 0 < y < HEIGHT for line in lines for x, y in line)


def test_limit_is_drawn() -> None:
    assert "class=limit" in Chart("t", "u", [Curve("c", [(0, 1)])], limit=120.0).html()
    assert "class=limit" not in Chart("t", "u", [Curve("c", [(0, 1)])]).html()


def test_chart_without_points_says_so() -> None:
    assert "nothing was measured" in Chart("t", "u", [Curve("c", [])]).html()


def test_names_cannot_break_the_page() -> None:
    text = Chart("<t>", "u&", [Curve("<script>", [(0, 1)])]).html()
    assert "<script>" not in text
    assert "<t>" not in text


@pytest.mark.parametrize(
    ("value", "ceiling"),
    [(0, 1), (0.3, 0.5), (1, 1), (1.1, 2), (2.2, 2.5), (99, 100), (100, 100), (120_001, 200_000)],
)
def test_axis_ends_at_a_round_number(value: float, ceiling: float) -> None:
    assert nice_ceiling(value) == pytest.approx(ceiling)


def test_axis_numbers_are_short() -> None:
    assert [short(value) for value in (0, 0.25, 999, 1500, 2_500_000)] == [
        "0",
        "0.25",
        "999",
        "1.5k",
        "2.5M",
    ]
