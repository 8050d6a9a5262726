"""Look of the charts: colours by role, font sizes, and the two widths that each is drawn in.

Charts are drawn in the light colours. `report.css` says for each of them what it becomes in the
dark (`test_every_colour_has_one_for_the_dark`). The series' colours are told apart with every kind
of colour vision (after Okabe and Ito, darkened to 3:1 on white); no chart needs them to be read.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import tzinfo
from functools import wraps
from typing import Concatenate, ParamSpec

import matplotlib as mpl
from matplotlib import dates
from matplotlib.axes import Axes
from matplotlib.figure import Figure

ChartP = ParamSpec("ChartP")

INK = "#16202c"
SOFT = "#4d5a6a"
GRID = "#e1e6ed"
AXIS = "#b4bdc9"
SHADE = "#eef1f5"
PAPER = "#ffffff"
SERIES = ("#1b5fb4", "#c2500a", "#0b7564", "#8f3f86", "#927000", "#2e86b8", "#6b7785", "#a33a4a")
"""In the order of use; blue and orange differ most."""
TINT = "#bcd3ee"
"""The first of `SERIES`, for areas."""
LEVELS = ("#e4edf6", "#a5c8e8", "#5596cf", "#1d5a9c", "#0a2340")
"""From nothing missing to everything: told apart by lightness alone, also in grey."""
COLOURS = (INK, SOFT, GRID, AXIS, SHADE, PAPER, TINT, *SERIES, *LEVELS)
DASHES: tuple[str | tuple[int, tuple[float, ...]], ...] = (
    "solid",
    (0, (5, 1.6)),
    (0, (1.2, 1.4)),
    (0, (6, 1.6, 1.2, 1.6)),
)


@dataclass(frozen=True, slots=True)
class Shape:
    """Size of a chart.

    Attributes:
        width_in: Width, inches of 72 points; one point is shown as 1 to 1.4 CSS pixels.
        font_pt: Size of text, points.
        narrow: Whether parts stand below each other, for phones.
    """

    width_in: float
    font_pt: float
    narrow: bool = False


WIDE = Shape(width_in=9.2, font_pt=9.5)
NARROW = Shape(width_in=4.4, font_pt=10.0, narrow=True)


def look_of(shape: Shape) -> AbstractContextManager[None]:
    """Return a `with` block in which matplotlib draws and writes charts of this shape.

    Text stays text, ids come out the same each time, and a `$` in a name is a dollar.
    """
    settings: dict[str, object] = {
        "svg.fonttype": "none",
        "svg.hashsalt": "utility-ts-analytics",
        "text.parse_math": False,
        "font.family": "DejaVu Sans",  # comes with matplotlib: the same widths everywhere
        "font.size": shape.font_pt,
        "text.color": INK,
        "axes.labelcolor": SOFT,
        "axes.labelsize": shape.font_pt,
        "axes.titlesize": shape.font_pt,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.titlecolor": INK,
        "axes.edgecolor": AXIS,
        "axes.linewidth": 0.8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.grid": False,
        "axes.facecolor": "none",
        "axes.formatter.useoffset": False,
        "grid.color": GRID,
        "grid.linewidth": 0.8,
        "figure.facecolor": "none",
        "xtick.color": AXIS,
        "ytick.color": AXIS,
        "xtick.labelcolor": SOFT,
        "ytick.labelcolor": SOFT,
        "lines.linewidth": 1.6,
        "lines.solid_capstyle": "round",
        "legend.frameon": False,
        "patch.linewidth": 0,
    }
    return mpl.rc_context(settings)  # type: ignore[arg-type] # its keys are one long Literal


def chart(
    draw: Callable[Concatenate[Figure, Shape, ChartP], None],
) -> Callable[Concatenate[Shape, ChartP], Figure]:
    """Make a chart function of one that draws into an empty figure for a shape.

    Callers give the shape, and then what `draw` takes after it. The figure is of matplotlib's
    object API: nothing of it stays in process-wide state.
    """

    @wraps(draw)
    def drawn(shape: Shape, /, *args: ChartP.args, **kwargs: ChartP.kwargs) -> Figure:
        with look_of(shape):
            figure = Figure(figsize=(shape.width_in, shape.width_in * 0.4), layout="constrained")
            draw(figure, shape, *args, **kwargs)
        return figure

    return drawn


def value_axis(axes: Axes, label: str, *, horizontal: bool = False) -> None:
    """Give the axis of the values its unit, a faint grid and grouped thousands."""
    axis = axes.xaxis if horizontal else axes.yaxis
    axis.set_major_formatter(lambda value, _position: number(value))
    axis.set_tick_params(length=0)
    axes.grid(axis="x" if horizontal else "y")
    axes.spines["bottom" if horizontal else "left"].set_visible(False)
    if horizontal:
        axes.set_xlabel(label)
    else:
        # Above the axis, horizontal: a unit that is easy to read.
        axes.set_title(label, fontweight="normal", color=SOFT)


def time_axis(axes: Axes, zone: tzinfo, *, narrow: bool) -> None:
    """Make the x axis one of days in local time."""
    axes.xaxis.axis_date(tz=zone)
    axes.margins(x=0)
    low, high = axes.get_xlim()
    days = high - low
    if days <= 9:
        axes.xaxis.set_major_locator(dates.DayLocator(tz=zone))
        form = "%a\n%-d" if narrow else "%a %-d %b"
        axes.xaxis.set_major_formatter(dates.DateFormatter(form, tz=zone))
    else:
        locator = dates.AutoDateLocator(tz=zone, minticks=3, maxticks=4 if narrow else 8)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(dates.DateFormatter("%-d %b\n%Y", tz=zone))
    for text in axes.get_xticklabels():
        text.set_horizontalalignment("left")
    axes.set_xlim(low, high)


def day_ticks(count: int, most: int) -> list[int]:
    """Return the places of at most so many labels, evenly spread over `count` days."""
    step = max(1, -(-count // most))
    return list(range(0, count, step))


def name_rows(axes: Axes, names: Sequence[str], length_max: int = 16) -> None:
    """Name the rows of a horizontal chart, from place 0 on, with names from the database."""
    axes.set_yticks(range(len(names)), [label(str(name), length_max) for name in names])
    axes.tick_params(axis="y", labelcolor=INK, length=0)


def write_beside(axes: Axes, text: str, at: tuple[float, float], *, points: float = 5) -> None:
    """Write a value to the right of a place in the data, so many points away."""
    axes.annotate(
        text,
        at,
        xytext=(points, 0),
        textcoords="offset points",
        color=INK,
        verticalalignment="center",
        annotation_clip=False,
    )


def number(value: float, digits: int = 3) -> str:
    """Return `value` for people: `digits` significant ones, all those before the point, grouped."""
    if value == 0:
        return "0"
    whole = len(str(int(abs(value)))) if abs(value) >= 1 else 0
    places = max(0, digits - whole) if abs(value) < 10 ** (digits - 1) else 0
    text = f"{value:,.{places}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace("-", "\u2212") if text not in {"-0", ""} else "0"


def label(name: str, length_max: int = 24) -> str:
    """Return a name from the database as it can stand in a chart: one line, printable, short."""
    text = "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in name
    )
    if len(text) <= length_max:
        return text
    half = (length_max - 1) // 2
    return f"{text[: length_max - 1 - half]}\N{HORIZONTAL ELLIPSIS}{text[-half:]}"
