"""The verdict where locust was started by hand: from the answers alone."""

from pathlib import Path

from loadtest.profiles.catalogue import Profile
from loadtest.profiles.figures import figures_of
from loadtest.profiles.journal import read_journal
from loadtest.profiles.verdict import answer_checks, failed


def client_verdict(journal: Path, profile: Profile) -> int:
    """Print what the answers say and return the exit code.

    How many posts were planned is not judged: a run by hand may be stopped at any time.
    """
    figures = figures_of(read_journal(journal))
    checks = answer_checks(figures, profile.limits, 0)
    print(f"{profile.name}: {figures.rows:,} rows accepted, {figures.rows_per_s:,.0f} rows/s")
    for check in checks:
        print(check)
    print("the books are not looked at here: python -m loadtest.profiles does that")
    return 1 if failed(checks) else 0
