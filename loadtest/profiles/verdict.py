"""The checks of a run: answers, times and processes, each with the expected and the seen value."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtest.processes import Track
from loadtest.profiles.catalogue import Limits, Profile
from loadtest.profiles.figures import Figures, figures_of, read_journal
from loadtest.service_counts import ServiceCounts

WORKER = "worker"
"""Names of worker processes begin with it."""


@dataclass(frozen=True, slots=True)
class Check:
    """One condition, with the expected and the seen value as text."""

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
    """Judge errors, refusals, times, and posts made (`planned` is 0 without a schedule)."""
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


def process_checks(
    before: ServiceCounts, after: ServiceCounts, tracks: Sequence[Track], limits: Limits
) -> list[Check]:
    """Judge the workers: still the same, and no more memory than they may have."""
    same = before.workers == after.workers
    checks = [Check("workers", f"{before.workers}", f"{after.workers}", same)]
    workers = [track for track in tracks if track.name.startswith(WORKER)]
    for track in workers:
        checks.append(
            Check(
                f"most memory of {track.name}",
                f"at most {limits.worker_mb:,.0f} MB",
                f"{track.peak_mb:,.1f} MB",
                track.peak_mb <= limits.worker_mb,
            )
        )
        if limits.growth_mb is not None:
            grown_mb = growth_mb(track.rss_mb)
            checks.append(
                Check(
                    f"growth of {track.name}, last quarter against second",
                    f"at most {limits.growth_mb:,.0f} MB",
                    f"{grown_mb:,.1f} MB",
                    grown_mb <= limits.growth_mb,
                )
            )
    return checks


def growth_mb(rss_mb: Sequence[float]) -> float:
    """Return how much more there is in the last quarter of the samples than in the second one."""
    quarter = len(rss_mb) // 4
    if quarter == 0:
        return 0.0
    return statistics.median(rss_mb[-quarter:]) - statistics.median(rss_mb[quarter : 2 * quarter])


def client_verdict(journal: Path, profile: Profile) -> int:
    """Judge a run of locust alone by its answers; print that and return the exit code.

    The number of posts is not judged: a run by hand may be stopped at any time.
    """
    figures = figures_of(read_journal(journal))
    checks = answer_checks(figures, profile.limits, 0)
    print(f"{profile.name}: {figures.rows:,} rows accepted, {figures.rows_per_s:,.0f} rows/s")
    for check in checks:
        print(check)
    print("table and metrics are not checked here: python -m loadtest profile does that")
    return 1 if failed(checks) else 0
