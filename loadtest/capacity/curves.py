"""What was measured, kept as JSON, and drawn as pictures that need nothing from outside. Pure."""

from collections.abc import Sequence
from html import escape

import msgspec
from loadtest.profiles.charts import nice_ceiling, short

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 640, 260, 60, 40, 46
_SERVICE, _QUESTDB = "#1f6feb", "#9a6700"


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One setting of one curve, over all its turns.

    Attributes:
        label: What was different.
        rows: Of a turn.
        rows_per_s: Until visible, of the best turn: what else runs on the machine only slows.
        slowest_rows_per_s: Of the worst turn.
        service_us: CPU of the service per row, median.
        questdb_us: CPU of QuestDB per row, median.
        worker_mib: The most that any worker had resident since its start, so far.
        refusals: Bodies that were told to come back, all turns together.
    """

    label: str
    rows: int
    rows_per_s: float
    slowest_rows_per_s: float
    service_us: float
    questdb_us: float
    worker_mib: float
    refusals: int = 0


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """One question.

    Attributes:
        name: Of its file.
        title: What changes from point to point.
        commit: What was measured.
        machine: On what.
        points: In the order of the picture.
    """

    name: str
    title: str
    commit: str
    machine: dict[str, str | int]
    points: list[Point]


def svg(curve: Curve) -> str:
    """Return a picture: for each point the CPU per row, service below QuestDB, and rows/s above."""
    points = curve.points
    high = nice_ceiling(max(point.service_us + point.questdb_us for point in points))
    width = (_WIDTH - _LEFT - 10) / len(points)
    ground = _HEIGHT - _BOTTOM
    scale = (ground - _TOP) / high
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img"'
        f' aria-label="{escape(curve.title)}" font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        f'<text x="10" y="16" font-weight="bold">{escape(curve.title)}</text>',
        f'<text x="10" y="{_HEIGHT - 6}" fill="{_SERVICE}">service</text>',
        f'<text x="62" y="{_HEIGHT - 6}" fill="{_QUESTDB}">QuestDB</text>',
        f'<text x="126" y="{_HEIGHT - 6}" fill="#57606a">us of CPU per row;'
        " above the bars: rows/s, best turn</text>",
    ]
    for step in range(5):
        value = high * step / 4
        y = ground - value * scale
        parts.append(f'<path stroke="#d8dee4" d="M{_LEFT} {y:.1f}H{_WIDTH - 10}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.3g}</text>')
    for index, point in enumerate(points):
        x, bar = _LEFT + (index + 0.2) * width, width * 0.6
        middle = x + bar / 2
        service, questdb = point.service_us * scale, point.questdb_us * scale
        parts += [
            f'<rect x="{x:.1f}" y="{ground - service:.1f}" width="{bar:.1f}"'
            f' height="{service:.1f}" fill="{_SERVICE}"/>',
            f'<rect x="{x:.1f}" y="{ground - service - questdb:.1f}" width="{bar:.1f}"'
            f' height="{questdb:.1f}" fill="{_QUESTDB}"/>',
            f'<text x="{middle:.1f}" y="{ground - service - questdb - 5:.1f}"'
            f' text-anchor="middle">{short(point.rows_per_s)}</text>',
            f'<text x="{middle:.1f}" y="{ground + 16}" text-anchor="middle">'
            f"{escape(point.label)}</text>",
        ]
    return "\n".join([*parts, "</svg>"]) + "\n"


def table(curve: Curve) -> str:
    """Return the points as a Markdown table, with rows/s also relative to the first point."""
    lines = [
        f"| {curve.title} | rows/s | to the first | slowest turn | service us/row |"
        " QuestDB us/row | worker MiB |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    first = curve.points[0].rows_per_s
    lines += [
        f"| {point.label} | {point.rows_per_s / 1e3:,.0f} k | {point.rows_per_s / first:.2f} |"
        f" {point.slowest_rows_per_s / 1e3:,.0f} k | {point.service_us:.2f} |"
        f" {point.questdb_us:.2f} | {point.worker_mib:.0f} |"
        for point in curve.points
    ]
    return "\n".join(lines)


def merged(old: Sequence[Curve], new: Sequence[Curve]) -> list[Curve]:
    """Return the new curves and those old ones that were not measured again."""
    again = {curve.name for curve in new}
    return sorted(
        [curve for curve in old if curve.name not in again] + list(new), key=lambda one: one.name
    )
