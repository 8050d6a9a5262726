"""The table of what was expected and what was seen, and what of it is a failure. Pure."""

from collections.abc import Sequence

import msgspec
from loadtest.memory.bound import bound_mib
from loadtest.memory.scenarios import Scenario

STREAM_OVER_UPLOADS_MIB = 10 * 1e6 / 2**20
"""How much more than 64 uploads one endless body may take: 10 MB (DESIGN, section 5)."""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What one scenario came to. MiB.

    Attributes:
        name: Of the scenario.
        bound_mib: By the formula.
        goal_mib: None where there is no goal.
        peak_mib: The most that the worker had resident.
        fault: What was wrong with the answers; "" for nothing.
    """

    name: str
    bound_mib: float
    goal_mib: float | None
    peak_mib: float
    fault: str = ""

    @classmethod
    def of(cls, scenario: Scenario, peak_mib: float, fault: str) -> "Seen":
        """Return what was seen of a scenario, beside what was expected."""
        return cls(
            name=scenario.name,
            bound_mib=round(bound_mib(scenario.limits, scenario.load), 1),
            goal_mib=None if scenario.goal_mib is None else round(scenario.goal_mib, 1),
            peak_mib=round(peak_mib, 1),
            fault=fault,
        )


def failed(seen: Sequence[Seen]) -> list[str]:
    """Return what is broken, one line each; empty if every bound and goal holds."""
    broken = []
    peaks = {entry.name: entry.peak_mib for entry in seen}
    for entry in seen:
        if entry.fault:
            broken.append(f"{entry.name}: {entry.fault}")
        if entry.peak_mib > entry.bound_mib:
            broken.append(
                f"{entry.name}: {entry.peak_mib:.0f} MiB seen, {entry.bound_mib:.0f} by the formula"
            )
        if entry.goal_mib is not None and entry.peak_mib > entry.goal_mib:
            broken.append(
                f"{entry.name}: {entry.peak_mib:.0f} MiB seen, the goal is {entry.goal_mib:.0f}"
            )
    if {"stream", "uploads"} <= peaks.keys():
        over_mib = peaks["stream"] - peaks["uploads"]
        if over_mib > STREAM_OVER_UPLOADS_MIB:
            broken.append(f"stream: {over_mib:.0f} MiB more than uploads, at most 10 MB")
    return broken


def table(seen: Sequence[Seen], *, head: bool = True) -> str:
    """Return one line per scenario."""
    lines = []
    if head:
        lines.append(f"{'scenario':<14} {'bound MiB':>9} {'goal MiB':>9} {'seen MiB':>9}")
    for entry in seen:
        goal = "-" if entry.goal_mib is None else f"{entry.goal_mib:.0f}"
        verdict = "ok" if not failed([entry]) else "BROKEN"
        lines.append(
            f"{entry.name:<14} {entry.bound_mib:>9.0f} {goal:>9} {entry.peak_mib:>9.1f}  {verdict}"
        )
    return "\n".join(lines)
