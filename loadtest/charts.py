"""Curves as inline SVG, without library, script or anything from outside."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 720, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 34, 12, 30
_COLOURS = (
    *("#1f6feb", "#d1242f", "#1a7f37", "#9a6700", "#8250df", "#57606a"),
    *("#bf3989", "#d4a72c", "#33b3ae", "#f78166", "#6e3630", "#0a3069"),
)
_TICKS = 5


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a chart; `points` are (x, y) by x and may be empty."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Chart:
    """One picture; `x_log` needs all x > 0, `limit` is drawn as a line across."""

    title: str
    y_unit: str
    curves: Sequence[Curve]
    x_unit: str = "s"
    x_log: bool = False
    limit: float | None = None

    def html(self) -> str:
        """Return a figure with its legend."""
        legend = "".join(
            f'<span><i style="background:{_colour(index)}"></i>{escape(curve.name)}</span>'
            for index, curve in enumerate(self.curves)
        )
        return (
            f"<figure><figcaption>{escape(self.title)}, {escape(self.y_unit)}</figcaption>"
            f"{self._svg()}<p class=legend>{legend}</p></figure>"
        )

    def _svg(self) -> str:
        points = [point for curve in self.curves for point in curve.points]
        if not points:
            return "<p>nothing was measured</p>"
        xs = [self._x(x) for x, _ in points]
        x_low, x_high = min(xs), max(max(xs), min(xs) + 1e-9)
        y_high = nice_ceiling(max([y for _, y in points] + [self.limit or 0.0]))

        def place(x: float, y: float) -> tuple[float, float]:
            across = (self._x(x) - x_low) / (x_high - x_low)
            return (
                _LEFT + across * (WIDTH - _LEFT - _RIGHT),
                HEIGHT - _BOTTOM - y / y_high * (HEIGHT - _TOP - _BOTTOM),
            )

        parts = [
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(self.title)}">'
        ]
        for step in range(_TICKS + 1):
            value = y_high * step / _TICKS
            _, y = place(points[0][0], value)
            parts.append(f'<path class=grid d="M{_LEFT} {y:.1f}H{WIDTH - _RIGHT}"/>')
            parts.append(f'<text class=y x="{_LEFT - 6}" y="{y + 4:.1f}">{short(value)}</text>')
            across = x_low + (x_high - x_low) * step / _TICKS
            x = _LEFT + (WIDTH - _LEFT - _RIGHT) * step / _TICKS
            text = short(10**across if self.x_log else across)
            unit = f" {escape(self.x_unit)}" if step == _TICKS else ""
            parts.append(f'<text class=x x="{x:.1f}" y="{HEIGHT - 8}">{text}{unit}</text>')
        if self.limit is not None:
            _, y = place(points[0][0], self.limit)
            parts.append(f'<path class=limit d="M{_LEFT} {y:.1f}H{WIDTH - _RIGHT}"/>')
        for index, curve in enumerate(self.curves):
            placed = " ".join("{:.1f},{:.1f}".format(*place(x, y)) for x, y in curve.points)
            parts.append(f'<polyline points="{placed}" stroke="{_colour(index)}"/>')
        return "".join([*parts, "</svg>"])

    def _x(self, x: float) -> float:
        return math.log10(x) if self.x_log else x


def nice_ceiling(value: float) -> float:
    """Return 1, 2, 2.5 or 5 times a power of ten that is not below `value`; 1 for nothing."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * step for step in (1, 2, 2.5, 5, 10) if power * step >= value * 0.9999)


def short(value: float) -> str:
    """Return a number as an axis has it: at most three digits, k and M."""
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"


def _colour(index: int) -> str:
    return _COLOURS[index % len(_COLOURS)]
