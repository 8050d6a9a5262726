"""One table of all cases, ready for a page in Markdown."""

from collections.abc import Mapping, Sequence

from loadtest.bench.baseline import Change
from loadtest.bench.figures import Figures
from loadtest.bench.results import Result

_COLUMNS = (
    "bench",
    "rows/s",
    "spread",
    "MB/s",
    "CPU us/row",
    "peak MiB",
    "added",
    "ratio",
    "low..high",
    "to",
    "baseline",
)
_LEFT = frozenset({"bench", "to"})


def table(figures: Sequence[Figures], changes: Mapping[str, Change]) -> str:
    """Return one line per case under a heading; a dash stands for what is not known.

    `rows/s`, `MB/s` and `CPU us/row` are of the best round; `spread` is how much longer the
    slowest took; `added` is the part of the peak that the work itself added; `ratio` is the speed
    next to `to`, higher is better, with its lowest and highest round; `baseline` is its change.
    """
    lines = [_COLUMNS, *(_cells(one, changes.get(one.key)) for one in figures)]
    widths = [max(len(cells[column]) for cells in lines) for column in range(len(_COLUMNS))]
    rules = tuple(
        "-" * width if name in _LEFT else "-" * (width - 1) + ":"
        for name, width in zip(_COLUMNS, widths, strict=True)
    )
    return "\n".join(_line(cells, widths) for cells in (lines[0], rules, *lines[1:]))


def notes(figures: Sequence[Figures]) -> str:
    """Return what else the cases told, one line each; empty if none did."""
    return "\n".join(
        f"{one.key}: " + ", ".join(f"{name} {_number(value)}" for name, value in one.extra.items())
        for one in figures
        if one.extra
    )


def heading(result: Result) -> str:
    """Return what was measured, and where."""
    about = ", ".join(f"{name} {value}" for name, value in result.machine.items())
    packages = ", ".join(f"{name} {version}" for name, version in result.packages.items())
    return f"commit {result.commit}; {about}; {packages}"


def _cells(figures: Figures, change: Change | None) -> tuple[str, ...]:
    return (
        figures.key,
        f"{figures.rows_per_s:,.0f}",
        f"{figures.rows_per_s_spread:.0%}",
        f"{figures.mb_per_s:,.0f}",
        f"{figures.cpu_us_per_row:.3f}",
        f"{figures.rss_peak_mib:.0f}",
        "-" if figures.rss_added_mib is None else f"{figures.rss_added_mib:.0f}",
        f"{figures.ratio:.3f}",
        f"{figures.ratio_low:.3f}..{figures.ratio_high:.3f}",
        figures.against,
        _change_text(change),
    )


def _change_text(change: Change | None) -> str:
    if change is None:
        return "-"
    return f"{change.ratio_change:+.0%}{' WORSE' if change.regressions else ''}"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        cell.ljust(width) if name in _LEFT else cell.rjust(width)
        for name, cell, width in zip(_COLUMNS, cells, widths, strict=True)
    ]
    return "| " + " | ".join(padded) + " |"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.2f}"
