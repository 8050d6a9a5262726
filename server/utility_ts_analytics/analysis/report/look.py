"""How charts look: colours by their role, type sizes, and the two widths that each is drawn in.

Charts are drawn in the light colours. `report.css` says for each of them what it becomes in the
dark (`test_every_colour_has_one_for_the_dark`). The series' colours are told apart with every kind
of colour vision (after Okabe and Ito, darkened to 3:1 on white); no chart needs them to be read.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import wraps
from typing import Concatenate, ParamSpec

import matplotlib as mpl
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
"""In the order in which they are given away; blue and orange are the most different."""
TINT = "#bcd3ee"
"""The first of `SERIES`, for areas."""
LEVELS = ("#e4edf6", "#a5c8e8", "#5596cf", "#1d5a9c", "#0a2340")
"""From nothing to tell to everything: lightness alone says it, also in grey."""
COLOURS = (INK, SOFT, GRID, AXIS, SHADE, PAPER, TINT, *SERIES, *LEVELS)
DASHES: tuple[str | tuple[int, tuple[float, ...]], ...] = (
    "solid",
    (0, (5, 1.6)),
    (0, (1.2, 1.4)),
    (0, (6, 1.6, 1.2, 1.6)),
)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a chart is drawn for.

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
    """Make a chart function of what draws into an empty figure.

    The figure is of matplotlib's object API: nothing of it stays in a process-wide state.
    """

    @wraps(draw)
    def drawn(shape: Shape, /, *args: ChartP.args, **kwargs: ChartP.kwargs) -> Figure:
        with look_of(shape):
            figure = Figure(figsize=(shape.width_in, shape.width_in * 0.4), layout="constrained")
            draw(figure, shape, *args, **kwargs)
        return figure

    return drawn


def value_axis(axes: Axes, label: str, *, horizontal: bool = False) -> None:
    """Give the axis of the values its unit, a faint grid and thousands that can be read."""
    axis = axes.xaxis if horizontal else axes.yaxis
    axis.set_major_formatter(lambda value, _position: number(value))
    axis.set_tick_params(length=0)
    axes.grid(axis="x" if horizontal else "y")
    axes.spines["bottom" if horizontal else "left"].set_visible(False)
    if horizontal:
        axes.set_xlabel(label)
    else:
        # Upright above the axis: nobody turns the head to read a unit.
        axes.set_title(label, fontweight="normal", color=SOFT)


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
