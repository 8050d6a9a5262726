"""What one case of a bench measured, and the statistics over its rounds."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

Statistic = Literal["best", "median"]


class Round(msgspec.Struct, frozen=True):
    """One timed run of the work, and of the same rows' reference beside it.

    Attributes:
        wall_s: From the first step to the last, seconds, > 0.
        cpu_s: CPU that it took, seconds: of this process, or of the service where one runs.
        ratio: How fast it was next to its reference: 2 is twice as fast.
    """

    wall_s: float
    cpu_s: float
    ratio: float


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What one case of a bench came to.

    Attributes:
        bench: Name of the bench.
        case: Name of the case; "" where there is only one.
        rows: Of one round.
        rows_per_s: Of the best round.
        rows_per_s_spread: How much longer the slowest round took than the best, 0.1 is a tenth.
        mb_per_s: Bytes of the readings as NDJSON, MB, in the best round.
        cpu_us_per_row: Of the round that took least.
        rss_peak_mib: The most memory resident at once, MiB.
        rss_added_mib: How much of it was not there before the work began; None if not known.
        ratio: How fast next to `against`, the higher the better.
        ratio_low: The lowest of any round.
        ratio_high: The highest.
        against: What the ratio is to.
        extra: What else there is to say, by name with its unit last.
        rounds: All that counted, in the order they ran.
    """

    bench: str
    case: str
    rows: int
    rows_per_s: float
    rows_per_s_spread: float
    mb_per_s: float
    cpu_us_per_row: float
    rss_peak_mib: float
    rss_added_mib: float | None
    ratio: float
    ratio_low: float
    ratio_high: float
    against: str
    extra: dict[str, float]
    rounds: list[Round]

    @property
    def key(self) -> str:
        """Name of bench and case together, as baselines know it."""
        return f"{self.bench}/{self.case}" if self.case else self.bench


class Memory(msgspec.Struct, frozen=True):
    """Memory of one process, MiB.

    Attributes:
        peak_mib: The most that was resident at once.
        before_mib: What was resident before the work began; None if not known.
    """

    peak_mib: float
    before_mib: float | None


def figures_of(
    name: tuple[str, str],
    rounds: Sequence[Round],
    memory: Memory,
    *,
    rows: int,
    size_bytes: int,
    ratio: float | None = None,
    against: str,
    extra: Mapping[str, float] | None = None,
) -> Figures:
    """Return the figures of some rounds.

    Args:
        name: Of the bench and of the case.
        rounds: At least one.
        memory: Of the process that did the work.
        rows: Of one round.
        size_bytes: Of one round's rows as NDJSON.
        ratio: None takes the median of the rounds.
        against: What the ratio is to.
        extra: What else there is to say.
    """
    if not rounds:
        raise ValueError("cannot tell figures without a round")
    best_s = min(one.wall_s for one in rounds)
    ratios = [one.ratio for one in rounds]
    return Figures(
        bench=name[0],
        case=name[1],
        rows=rows,
        rows_per_s=round(rows / best_s),
        rows_per_s_spread=round(max(one.wall_s for one in rounds) / best_s - 1, 3),
        mb_per_s=round(size_bytes / 1e6 / best_s, 1),
        cpu_us_per_row=round(min(one.cpu_s for one in rounds) / rows * 1e6, 4),
        rss_peak_mib=round(memory.peak_mib, 1),
        rss_added_mib=(
            None if memory.before_mib is None else round(memory.peak_mib - memory.before_mib, 1)
        ),
        ratio=round(statistics.median(ratios) if ratio is None else ratio, 4),
        ratio_low=round(min(ratios), 4),
        ratio_high=round(max(ratios), 4),
        against=against,
        extra={key: round(value, 3) for key, value in (extra or {}).items()},
        rounds=list(rounds),
    )


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` (0 < share <= 1) of them do not exceed."""
    if not values or not 0 < share <= 1:
        raise ValueError("cannot tell a percentile of nothing, or outside of (0, 1]")
    ordered = sorted(values)
    return ordered[min(len(ordered), max(1, -int(-share * len(ordered) // 1))) - 1]
