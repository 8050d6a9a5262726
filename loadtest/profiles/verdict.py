"""What a run is judged by: one line for each check, with what was expected and what was seen."""

from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.profiles.catalogue import Limits
from loadtest.profiles.figures import Figures


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold.

    Attributes:
        name: What is looked at.
        expected: What would be right, as text.
        seen: What there is, as text.
        passed: Whether that is right.
    """

    name: str
    expected: str
    seen: str
    passed: bool

    def __str__(self) -> str:
        mark = "ok  " if self.passed else "FAIL"
        return f"{mark} {self.name}: expected {self.expected}, seen {self.seen}"


def equal(name: str, expected: int, seen: int) -> Check:
    """Return a check that passes for equal numbers only."""
    return Check(name, f"{expected:,}", f"{seen:,}", expected == seen)


def within(name: str, low: int, high: int, seen: int) -> Check:
    """Return a check that passes from `low` to `high`, both included."""
    expected = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    return Check(name, expected, f"{seen:,}", low <= seen <= high)


def answer_checks(figures: Figures, limits: Limits, planned: int) -> list[Check]:
    """Judge what clients saw: errors, refusals, time, and whether the load was there at all.

    Args:
        figures: Of the run.
        limits: Of the profile.
        planned: Posts that fell due; 0 where nothing was scheduled.
    """
    posts_min = max(1, int(planned * limits.arrivals_share_min))
    errors_max = int(figures.posts * limits.errors_share)
    turned_away_max = int(figures.answers * limits.turned_away_share)
    errors = figures.errors + len(figures.unfinished)
    cause = f" ({figures.faults[0]})" if figures.faults else ""
    p99_ms = figures.from_due_ms.get(99)
    return [
        Check(
            "posts made, of those due",
            f"at least {posts_min:,}",
            f"{figures.posts:,}",
            figures.posts >= posts_min,
        ),
        Check(
            "posts without their right answer",
            f"at most {errors_max:,} of {figures.posts:,}",
            f"{errors:,}{cause}",
            errors <= errors_max,
        ),
        Check(
            "answers that sent the client away for now",
            f"at most {turned_away_max:,} of {figures.answers:,}",
            f"{figures.turned_away:,}",
            figures.turned_away <= turned_away_max,
        ),
        Check(
            "p99 from when a post was due",
            f"at most {limits.p99_ms:,.0f} ms",
            f"{p99_ms:,.1f} ms",
            figures.posts > 0 and p99_ms <= limits.p99_ms,
        ),
    ]


def failed(checks: Sequence[Check]) -> bool:
    """Return whether any check did not pass; no checks at all are a failure too."""
    return not checks or not all(check.passed for check in checks)
