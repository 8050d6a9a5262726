"""A baseline: the ratios of an earlier run, and the limits of a regression.

Ratios hold where rows per second do not: both sides of one were measured at the same time on the
same machine. On another machine only those hold that are of CPU alone, and not as closely.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
from loadtest.bench.figures import FOLDER, Figures, Result
from loadtest.bench.suite import BENCHES

OWN = FOLDER / "baseline.json"
"""Of this machine: `--save-baseline` writes it."""

COMMON = Path(__file__).parent / "baseline.json"
"""In git: used where there is no baseline of this machine."""

FOREIGN_TOLERANCE = 0.4
"""Of a ratio of CPU on another machine: caches and versions shift it by a quarter or so."""

MEMORY_TOLERANCE = 0.2
MEMORY_MIB = 16.0
"""A peak is a regression where it is over the old one by more than both of these."""

LATENCY = "p99_ms_lowest"
LATENCY_TOLERANCE = 0.5
LATENCY_MS = 5.0
"""The same for the p99 of the calmest round."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """The kept figures of one case."""

    ratio: float
    rss_peak_mib: float
    p99_ms: float | None = None


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """One run to hold others against; attributes as in `Result`, entries by `Figures.key`."""

    commit: str
    machine: dict[str, str | int]
    packages: dict[str, str]
    quick: bool
    entries: dict[str, Entry]


@dataclass(frozen=True, slots=True)
class Change:
    """One case next to its baseline.

    Attributes:
        ratio_change: 0.1 is a tenth faster, -0.1 a tenth slower.
        regressions: Figures that are worse than tolerated, one short sentence each.
    """

    ratio_change: float
    regressions: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.ratio_change:+.0%}{' WORSE' if self.regressions else ''}"


def save_baseline(result: Result, path: Path) -> None:
    """Keep a run's figures; cases that it has not measured stay as they are in the file.

    Raises:
        ValueError: The file is of another machine or effort, so that the two do not mix.
    """
    entries = {one.key: _entry(one) for one in result.figures}
    if path.exists():
        old = load_baseline(path)
        if old.machine != result.machine or old.quick != result.quick:
            raise ValueError(f"cannot add to {path.name}: it is of another machine or effort")
        entries = {**old.entries, **entries}
    baseline = Baseline(
        commit=result.commit,
        machine=result.machine,
        packages=result.packages,
        quick=result.quick,
        entries=dict(sorted(entries.items())),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = msgspec.json.encode(baseline).replace(b'},"', b'},\n"').replace(b'{"', b'{\n"', 1)
    path.write_bytes(lines + b"\n")


def load_baseline(path: Path) -> Baseline:
    """Return the baseline in a file.

    Raises:
        ValueError: It is none (msgspec's own error).
    """
    return msgspec.json.decode(path.read_bytes(), type=Baseline)


def compare(result: Result, baseline: Baseline) -> Mapping[str, Change]:
    """Return the change of every case that can be compared, by `Figures.key`."""
    if result.quick != baseline.quick:
        return {}
    at_home = result.machine == baseline.machine
    changes = {}
    for figures in result.figures:
        old = baseline.entries.get(figures.key)
        if old is not None and (at_home or BENCHES[figures.bench].place == "process"):
            changes[figures.key] = _change(figures, old, at_home=at_home)
    return changes


def regressed(changes: Mapping[str, Change]) -> Iterable[str]:
    """Return the keys of the cases that got worse."""
    return [key for key, change in changes.items() if change.regressions]


def _entry(figures: Figures) -> Entry:
    return Entry(
        ratio=figures.ratio, rss_peak_mib=figures.rss_peak_mib, p99_ms=figures.extra.get(LATENCY)
    )


def _change(figures: Figures, old: Entry, *, at_home: bool) -> Change:
    tolerance = BENCHES[figures.bench].tolerance
    if not at_home:
        tolerance = max(tolerance, FOREIGN_TOLERANCE)
    found = []
    change = figures.ratio / old.ratio - 1
    if change < -tolerance:
        found.append(
            f"ratio {figures.ratio:.3f}, was {old.ratio:.3f}: {change:.0%} (limit {-tolerance:.0%})"
        )
    peak_mib, p99_ms = figures.rss_peak_mib, figures.extra.get(LATENCY)
    if at_home and peak_mib > max(
        old.rss_peak_mib * (1 + MEMORY_TOLERANCE), old.rss_peak_mib + MEMORY_MIB
    ):
        found.append(f"peak memory {peak_mib:.0f} MiB, was {old.rss_peak_mib:.0f} MiB")
    if (
        at_home
        and p99_ms is not None
        and old.p99_ms is not None
        and p99_ms > max(old.p99_ms * (1 + LATENCY_TOLERANCE), old.p99_ms + LATENCY_MS)
    ):
        found.append(f"p99 {p99_ms:.1f} ms, was {old.p99_ms:.1f} ms")
    return Change(change, tuple(found))
