"""Runs one profile on a place and judges it."""

import os
import secrets
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from loadtest.process_figures import commit, machine
from loadtest.profiles.bodies import Stock
from loadtest.profiles.books import metrics_checks, promised, read_table, table_checks
from loadtest.profiles.catalogue import Limits, Profile, planned_posts
from loadtest.profiles.figures import figures_of
from loadtest.profiles.journal import read_journal
from loadtest.profiles.memory import MemoryWatch, Track
from loadtest.profiles.place import Place
from loadtest.profiles.report import Run
from loadtest.profiles.service_counts import ServiceCounts, service_counts, settled, since
from loadtest.profiles.verdict import Check, answer_checks, equal
from loadtest.questdb_rest import QuestDBRest

_PROJECT = Path(__file__).parents[2]
_STOP_TIMEOUT_S = 120
"""How long posts that have begun may take once the time is up."""

_START_AND_END_S = 60
_WORKER = "worker"


@dataclass(frozen=True, slots=True)
class Order:
    """What to run.

    Attributes:
        profile: With all that the command line changed in it.
        seconds: How long posts fall due, > 0.
        seed: Of the values that are sent.
    """

    profile: Profile
    seconds: int
    seed: int = 1


def play(order: Order, place: Place, directory: Path) -> Run:
    """Run one profile and judge it.

    Args:
        order: What.
        place: Where.
        directory: For the journal and locust's log; exists.

    Raises:
        OSError: The service or QuestDB does not answer.
        RuntimeError: What answers is not the service, or its table is suspended.
    """

    def ask() -> ServiceCounts:
        return service_counts(place.host, place.operations_port)

    run = f"LT{secrets.token_hex(3)}"
    journal = directory / f"{run}.jsonl"
    before = settled(ask)
    names = {pid: f"{_WORKER} {at}" for at, pid in enumerate(before.workers, 1)}
    with MemoryWatch(place.pids, names) as watch:
        code = run_locust(order, place, watch, run=run, journal=journal)
        after = settled(ask)
    stock = Stock(order.profile, run, seed=order.seed)
    figures = figures_of(read_journal(journal))
    sums = promised(read_journal(journal), stock)
    with QuestDBRest(place.questdb_port, host=place.host) as database:
        books = read_table(database, run, sums, stock)
    tracks = sorted(watch.tracks.values(), key=lambda track: not track.name.startswith(_WORKER))
    planned = planned_posts(order.profile, order.seconds)
    checks = [
        equal("exit code of the load generator", 0, code),
        *answer_checks(figures, order.profile.limits, planned),
        *table_checks(books, own_table=place.own_table),
        *metrics_checks(sums, since(before, after)),
        *process_checks(before, after, tracks, order.profile.limits),
    ]
    return Run(order.profile, order.seconds, figures, checks, tracks, _facts(order, sums.accepted))


def process_checks(
    before: ServiceCounts, after: ServiceCounts, tracks: Sequence[Track], limits: Limits
) -> list[Check]:
    """Judge the workers: still the same, and no more memory than they may have.

    Args:
        before: What the service said before the run.
        after: And after it.
        tracks: Of all processes that were watched; memory is not judged where no worker was.
        limits: Of the profile.
    """
    same = before.workers == after.workers
    checks = [Check("workers", f"{before.workers}", f"{after.workers}", same)]
    workers = [track for track in tracks if track.name.startswith(_WORKER)]
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


def locust_command(order: Order, place: Place, *, run: str, journal: Path) -> list[str]:
    """Return how locust is started for a run."""
    profile = order.profile
    options: dict[str, str | int | float] = {
        "--host": f"http://{place.host}:{place.port}",
        "--users": profile.users,
        "--spawn-rate": profile.users,
        "--seconds": order.seconds,
        "--stop-timeout": _STOP_TIMEOUT_S,
        # The verdict is ours: what locust calls a failure may be a client told to come back.
        "--exit-code-on-error": 0,
        "--order": msgspec.json.encode(profile).decode(),
        "--seed": order.seed,
        "--run-id": run,
        "--journal": str(journal),
    }
    pairs = [text for name, value in options.items() for text in (name, str(value))]
    file = str(Path(__file__).with_name(f"{profile.name}.py"))
    return [sys.executable, "-m", "locust", "-f", file, "--headless", "--only-summary", *pairs]


def run_locust(order: Order, place: Place, watch: MemoryWatch, *, run: str, journal: Path) -> int:
    """Run locust to its end and return its exit code; one that does not end is killed."""
    log_path = journal.with_suffix(".log")
    paths = [str(_PROJECT), os.environ.get("PYTHONPATH", "")]
    with log_path.open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
            locust_command(order, place, run=run, journal=journal),
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
            cwd=journal.parent,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            watch.watch("locust", process.pid)
            process.wait(order.seconds + _STOP_TIMEOUT_S + _START_AND_END_S)
        except subprocess.TimeoutExpired:
            print("the load generator does not end: killed", file=sys.stderr)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    if process.returncode != 0:
        print(log_path.read_text(errors="replace")[-2000:], file=sys.stderr)
    if not journal.exists():
        raise RuntimeError("the load generator did not begin; what it said is above")
    return process.returncode


def _facts(order: Order, accepted: int) -> dict[str, str]:
    profile = order.profile
    return {
        "commit": commit(),
        **{name: f"{value}" for name, value in machine().items()},
        "users": f"{profile.users}, times {profile.burst} in the middle third",
        "posts per second": f"{profile.rate:g}" if profile.rate else "one after the other",
        "rows of a body": f"{profile.rows * profile.pieces:,}",
        "seed": f"{order.seed}",
        "rows answered as accepted": f"{accepted:,}",
    }
