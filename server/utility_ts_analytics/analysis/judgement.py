"""A feeder's balance: how good it is, and whether its loss is odd. Pure.

The loss is judged as a share of the energy moved: `loss_pct` where there is one, else (if a feeder
feeds back) loss / (|supplied| + generation). A loss is odd if its amount reaches `loss_kwh_min` and
its share lies above `warning_pct` or below -`negative_pct`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from msgspec import Struct

CauseHint = Literal[
    "ambiguous-head",  # no balance: several nodes measure, and the head is not given
    "missing-head-measurement",  # no balance
    "missing-generation",  # no balance
    "no-meters",  # no balance: no meter in service is mapped to the feeder
    "missing-readings",  # coverage below `coverage_min_pct`, or an odd loss that the gaps explain
    "topology-change",  # odd, and a switching of the interval touches the feeder
    "scale-factor-suspect",  # odd, and a scale factor changed in it or the 7 days before
    "negative-loss",  # odd, below 0, and none of the above
    "unexplained-loss",  # odd, above 0, and none of the above: theft, an unmetered supply, ...
]
Alert = Literal[
    "info",  # cannot be judged: no balance, too many gaps, or the gaps explain an odd loss
    "warning",  # an odd loss
    "critical",  # an odd loss above `critical_pct`
]


class BalanceRow(Struct, frozen=True):
    """The balance of one feeder in one interval; fields as in the question `feeder_balance`.

    Attributes:
        ts: UTC; naive, as pgwire has it.
    """

    ts: datetime
    feeder_id: str
    interval_minutes: int
    supplied_kwh: float | None
    generation_kwh: float | None
    demand_kwh: float | None
    loss_kwh: float | None
    loss_pct: float | None
    coverage_pct: float | None
    estimated_pct: float | None
    expected_readings: int
    present_readings: int
    estimated_readings: int
    head_nodes_unclear: bool
    plants_missing: bool
    topology_events: int
    scale_changed: bool

    @property
    def unread_kwh(self) -> float:
        """Energy of the missing readings if those meters took as much as the others, kWh, >= 0.

        0 where the others fed in more than they took: no estimate is possible then.
        """
        if self.demand_kwh is None or not self.present_readings:
            return 0.0
        missing = self.expected_readings - self.present_readings
        return max(0.0, self.demand_kwh * missing / self.present_readings)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Limits from which on a loss is odd; percent, except one.

    Attributes:
        coverage_min_pct: Below it a loss is not judged, 0..100.
        warning_pct: Shares above it are odd, >= 0.
        critical_pct: Shares above it are critical, >= `warning_pct`.
        negative_pct: Shares below minus this are odd, >= 0.
        loss_kwh_min: Smaller amounts are never odd, kWh, >= 0; shares of next to nothing jump.

    Raises:
        ValueError: A value is out of its range; names each.
    """

    coverage_min_pct: float = 98.0
    warning_pct: float = 10.0
    critical_pct: float = 20.0
    negative_pct: float = 2.0
    loss_kwh_min: float = 1.0

    def __post_init__(self) -> None:
        problems = [
            f"{name} must be at least 0, is {value:g}"
            for name, value in (
                ("coverage_min_pct", self.coverage_min_pct),
                ("warning_pct", self.warning_pct),
                ("negative_pct", self.negative_pct),
                ("loss_kwh_min", self.loss_kwh_min),
            )
            if not value >= 0  # also refuses NaN
        ]
        if self.coverage_min_pct > 100:
            problems.append(f"coverage_min_pct must be at most 100, is {self.coverage_min_pct:g}")
        if not self.critical_pct >= self.warning_pct:
            problems.append(
                f"critical_pct must be at least warning_pct ({self.warning_pct:g}),"
                f" is {self.critical_pct:g}"
            )
        if problems:
            raise ValueError("; ".join(problems))


@dataclass(frozen=True, slots=True)
class Judgement:
    """Judgement of one balance.

    Attributes:
        quality_score: 0 (no balance) to 1: coverage / 100 * (1 - estimated share / 2). An estimated
            reading counts as half of one that was read.
        cause_hint: None if nothing is odd.
        alert: None if there is nothing to look at.
    """

    quality_score: float
    cause_hint: CauseHint | None
    alert: Alert | None


def judge(row: BalanceRow, thresholds: Thresholds) -> Judgement:
    """Judge one balance."""
    score = _quality_score(row)
    if (missing := _missing(row)) is not None:
        return Judgement(score, missing, "info")
    loss_kwh, coverage_pct = row.loss_kwh, row.coverage_pct
    if loss_kwh is None or coverage_pct is None:
        raise AssertionError("a balance of which nothing is missing has a loss and a coverage")
    if coverage_pct < thresholds.coverage_min_pct:
        return Judgement(score, "missing-readings", "info")
    if not _is_odd(row, loss_kwh, thresholds):
        return Judgement(score, None, None)
    if not _is_odd(row, loss_kwh - row.unread_kwh, thresholds):
        return Judgement(score, "missing-readings", "info")
    alert: Alert = "critical" if _share_pct(row, loss_kwh) > thresholds.critical_pct else "warning"
    return Judgement(score, _cause(row, loss_kwh), alert)


def _quality_score(row: BalanceRow) -> float:
    if row.loss_kwh is None or row.coverage_pct is None:
        return 0.0
    return row.coverage_pct / 100 * (1 - (row.estimated_pct or 0.0) / 200)


def _missing(row: BalanceRow) -> CauseHint | None:
    """Return why there is no loss, if there is none."""
    if row.head_nodes_unclear:
        return "ambiguous-head"
    if row.supplied_kwh is None:
        return "missing-head-measurement"
    if row.generation_kwh is None:
        return "missing-generation"
    if row.expected_readings == 0:
        return "no-meters"
    if row.demand_kwh is None:
        return "missing-readings"
    return None


def _cause(row: BalanceRow, loss_kwh: float) -> CauseHint:
    if row.topology_events:
        return "topology-change"
    if row.scale_changed:
        return "scale-factor-suspect"
    return "negative-loss" if loss_kwh < 0 else "unexplained-loss"


def _is_odd(row: BalanceRow, loss_kwh: float, thresholds: Thresholds) -> bool:
    if abs(loss_kwh) < thresholds.loss_kwh_min:
        return False
    share_pct = _share_pct(row, loss_kwh)
    return share_pct > thresholds.warning_pct or share_pct < -thresholds.negative_pct


def _share_pct(row: BalanceRow, loss_kwh: float) -> float:
    """Return a loss as a share of what was moved, percent; infinite where nothing was."""
    supplied, generation = row.supplied_kwh or 0.0, row.generation_kwh or 0.0
    moved = supplied + generation
    if moved <= 0:
        moved = abs(supplied) + abs(generation)
    if moved == 0:
        return float("inf") if loss_kwh > 0 else float("-inf")
    return 100 * loss_kwh / moved
