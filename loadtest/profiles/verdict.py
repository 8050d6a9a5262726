"""The checks of a run: answers, times and processes, each with the expected and the seen value."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.processes import Track
from loadtest.profiles.catalogue import Limits, Profile
from loadtest.profiles.tally import Tally, percentile_ms
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
    return within(name, expected, expected, seen)


def within(name: str, low: int, high: int, seen: int) -> Check:
    """Return a check that passes from `low` to `high`, both included."""
    expected = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    return Check(name, expected, f"{seen:,}", low <= seen <= high)


def at_most(name: str, limit: float, seen: float, unit: str, *, of: str = "") -> Check:
    """Return a check that passes up to the limit; `of` stands behind it."""
    digits = 0 if isinstance(seen, int) else 1
    return Check(
        name, f"at most {limit:,.0f}{unit}{of}", f"{seen:,.{digits}f}{unit}", seen <= limit
    )


def answer_checks(tally: Tally, limits: Limits, planned: int) -> list[Check]:
    """Judge errors, refusals, times, and posts made (`planned` is 0 without a schedule)."""
    posts_min = max(1, int(planned * limits.arrivals_share_min))
    posts, answers = tally.posts, tally.answers
    errors_max = int(posts * limits.errors_share)
    p99_ms = percentile_ms(tally.from_due_ms, 99)
    times = at_most("p99 from when a post was due", limits.p99_ms, p99_ms, " ms")
    return [
        Check(
            "posts made, of those due", f"at least {posts_min:,}", f"{posts:,}", posts >= posts_min
        ),
        at_most(
            "posts without their right answer", errors_max, tally.errors, "", of=f" of {posts:,}"
        ),
        at_most(
            "answers that sent the client away for now",
            int(answers * limits.turned_away_share),
            tally.turned_away,
            "",
            of=f" of {answers:,}",
        ),
        times if posts else Check(times.name, times.expected, "no posts", passed=False),
    ]


def failed(checks: Sequence[Check]) -> bool:
    """Return whether any check did not pass; no checks at all are a failure too."""
    return not checks or not all(check.passed for check in checks)


def process_checks(
    before: ServiceCounts, after: ServiceCounts, tracks: Sequence[Track], limits: Limits
) -> list[Check]:
    """Judge the workers: still the same, and no more memory than they may have."""
    same = before.pids == after.pids
    checks = [Check("workers", f"{before.pids}", f"{after.pids}", same)]
    for track in tracks:
        if not track.name.startswith(WORKER):
            continue
        checks.append(
            at_most(f"most memory of {track.name}", limits.worker_mb, track.peak_mb, " MB")
        )
        if limits.growth_mb is not None:
            name = f"growth of {track.name}, last quarter against second"
            checks.append(at_most(name, limits.growth_mb, growth_mb(track.rss_mb), " MB"))
    return checks


def growth_mb(rss_mb: Sequence[float]) -> float:
    """Return how much more there is in the last quarter of the samples than in the second one."""
    quarter = len(rss_mb) // 4
    if quarter == 0:
        return 0.0
    return statistics.median(rss_mb[-quarter:]) - statistics.median(rss_mb[quarter : 2 * quarter])


def client_verdict(tally: Tally, profile: Profile) -> int:
    """Judge a run of locust alone by its answers; print that and return the exit code.

    The number of posts is not judged: a run by hand may be stopped at any time.
    """
    checks = answer_checks(tally, profile.limits, 0)
    print(f"{profile.name}: {tally.accepted:,} rows accepted, {tally.rows_per_s:,.0f} rows/s")
    print("\n".join([*map(str, checks), *tally.faults[:1]]))
    print("table and metrics are not checked here: python -m loadtest profile does that")
    return 1 if failed(checks) else 0
