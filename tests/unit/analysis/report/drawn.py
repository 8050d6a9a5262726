"""What a chart has drawn, as plain numbers."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection, PolyCollection
from matplotlib.patches import Rectangle

Points = Sequence[tuple[float, float]]


def lines(axes: Axes) -> list[list[float]]:
    """The values of each line; a break is NaN."""
    return [np.asarray(line.get_ydata(), dtype=float).tolist() for line in axes.get_lines()]


def places(axes: Axes) -> list[list[float]]:
    """Where on the x axis the values of each line stand."""
    return [np.asarray(line.get_xdata(), dtype=float).tolist() for line in axes.get_lines()]


def bars(axes: Axes) -> list[Rectangle]:
    return [patch for patch in axes.patches if isinstance(patch, Rectangle)]


def marks(axes: Axes) -> list[Points]:
    return [
        [(float(x), float(y)) for x, y in np.asarray(found.get_offsets())]
        for found in axes.collections
        if isinstance(found, PathCollection)
    ]


def boxes(axes: Axes) -> list[Points]:
    """The upper left corners of the boxes of each level."""
    return [
        [(float(x), float(y)) for x, y in (path.get_extents().min for path in level.get_paths())]
        for level in axes.collections
        if isinstance(level, PolyCollection)
    ]
