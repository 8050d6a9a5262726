"""Runs one profile on a service and a QuestDB, its own or others, and judges it."""

import contextlib
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from loadtest.client import Target, post_bodies
from loadtest.database import QuestDBRest, own_questdb
from loadtest.ledger import fault_of
from loadtest.processes import ProcessWatch, Track
from loadtest.profiles.bodies import Stock
from loadtest.profiles.books import count_checks, read_table
from loadtest.profiles.catalogue import Profile, planned_posts
from loadtest.profiles.tally import PERCENTS, Tally, percentile_ms
from loadtest.profiles.verdict import WORKER, Check, answer_checks, equal, process_checks
from loadtest.readings import produce, split_bodies
from loadtest.service import ServiceSettings, running_service
from loadtest.service_counts import STREAM, ServiceCounts, all_counts, settled
from loadtest.stored import TABLE

_PROJECT = Path(__file__).parents[2]
_STOP_TIMEOUT_S = 120
"""For posts under way at the end of the run."""

_START_AND_END_S = 60
_TALLY = "tally.json"
REPORT = "report.html"
"""Of locust, in the directory of a run."""

_WARM_UP_BODIES_MAX = 1_500
_WARM_UP_CONNECTIONS = 4


@dataclass(frozen=True, slots=True)
class Place:
    """A running service and its QuestDB.

    Attributes:
        host: Of both.
        port: Of the stream `meter_usage`.
        questdb_port: Of QuestDB's REST interface.
        pids: Processes on this machine to watch, by name.
        own_table: Whether only the run writes to the table, which was empty before.
    """

    host: str
    port: int
    operations_port: int
    questdb_port: int
    pids: Mapping[str, int] = field(default_factory=dict)
    own_table: bool = False


@contextlib.contextmanager
def own_place(*, workers: int, warm_up_rows: int, body_rows: int) -> Iterator[Place]:
    """Run a QuestDB and a service on free ports, with an empty table; end and remove both.

    Args:
        workers: Processes for the stream; 0 is one per core.
        warm_up_rows: Posted before, at most, and removed: QuestDB answers slowly until its JVM is
            warm, and for tiny commits after large ones it is cold again.
        body_rows: Rows of one body of that; as in the profile that follows.

    Raises:
        RuntimeError: One of them does not start or does not end well.
    """
    settings = ServiceSettings(workers=workers)
    with (
        own_questdb("profiles-") as own,
        running_service(own.directory, own.running, settings) as service,
    ):
        _warm_up(own.directory, service.meter_usage_port, rows=warm_up_rows, body_rows=body_rows)
        own.rest.truncate(TABLE)
        yield Place(
            host="127.0.0.1",
            port=service.meter_usage_port,
            operations_port=service.operations_port,
            questdb_port=own.running.http_port,
            pids={"service": service.pid, "QuestDB": own.running.pid},
            own_table=True,
        )


def _warm_up(directory: Path, port: int, *, rows: int, body_rows: int) -> None:
    """Post at most so many rows, in some seconds; 0 posts nothing."""
    rows = min(rows, body_rows * _WARM_UP_BODIES_MAX)
    if rows == 0:
        return
    path = directory / "warm-up.ndjson"
    produce(path, rows)
    bodies = split_bodies(path, body_rows)
    posted = post_bodies(path, bodies, Target(port), connections=_WARM_UP_CONNECTIONS)
    path.unlink()
    for fault in filter(None, map(fault_of, posted.answers)):
        raise RuntimeError(f"cannot warm up: {fault}")


@dataclass(frozen=True, slots=True)
class Order:
    """A profile with the changes of the command line; posts fall due for `seconds`."""

    profile: Profile
    seconds: int
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Run:
    """A run, its answers and its checks."""

    order: Order
    tally: Tally
    checks: Sequence[Check]
    tracks: Sequence[Track]

    def __str__(self) -> str:
        tally, end_s = self.tally, self.tally.end_s
        due, sent = (
            ", ".join(f"p{it:g} {percentile_ms(times, it):,.1f}" for it in PERCENTS)
            for times in (tally.from_due_ms, tally.from_sent_ms)
        )
        lines = [
            f"{self.order.profile.name}: {tally.accepted:,} rows accepted in"
            f" {tally.elapsed_s:.1f} s (planned: {self.order.seconds}),"
            f" {tally.rows_per_s:,.0f} rows/s, {tally.size / 1e6:,.0f} MB, {tally.posts:,} posts,"
            f" {tally.replays:,} of them twice",
            f"ms from when due: {due}; from the send: {sent}",
            *(
                f"{it.name}: peak {it.peak_mb:.1f} MB, {it.cores(tally.begin_s, end_s):.2f} cores"
                for it in self.tracks
            ),
            *(f"fault: {fault}" for fault in tally.faults),
        ]
        return "\n".join([*lines, *map(str, self.checks)])


def play(order: Order, place: Place, directory: Path) -> Run:
    """Run one profile and judge it.

    Raises:
        OSError: The service or QuestDB does not answer.
        RuntimeError: The answers are not of the service, or its table is suspended.
    """

    def ask() -> ServiceCounts:
        return all_counts(place.host, place.operations_port)[STREAM]

    run = f"LT{secrets.token_hex(3)}"
    before = settled(ask)
    names = {pid: f"{WORKER} {at}" for at, pid in enumerate(before.pids, 1)}
    with ProcessWatch(place.pids, names) as watch:
        code, tally = run_locust(order, place, watch, run=run, directory=directory)
        after = settled(ask)
    stock = Stock(order.profile, run, seed=order.seed)
    with QuestDBRest(place.questdb_port, host=place.host) as database:
        table = read_table(database, run, tally, stock, own_table=place.own_table)
    tracks = sorted(watch.tracks.values(), key=lambda track: not track.name.startswith(WORKER))
    planned = planned_posts(order.profile, order.seconds)
    checks = [
        equal("exit code of the load generator", 0, code),
        *answer_checks(tally, order.profile.limits, planned),
        *table,
        *count_checks(tally, after.since(before)),
        *process_checks(before, after, tracks, order.profile.limits),
    ]
    return Run(order, tally, checks, tracks)


def locust_command(order: Order, place: Place, *, run: str, directory: Path) -> list[str]:
    """Return how locust is started for a run."""
    profile = order.profile
    options: dict[str, str | int | float] = {
        "--host": f"http://{place.host}:{place.port}",
        "--users": profile.users,
        "--spawn-rate": profile.users,
        "--seconds": order.seconds,
        "--stop-timeout": _STOP_TIMEOUT_S,
        # Locust counts answers that ask a client to come back as failures.
        "--exit-code-on-error": 0,
        "--order": msgspec.json.encode(profile).decode(),
        "--seed": order.seed,
        "--run-id": run,
        "--tally": str(directory / _TALLY),
        "--html": str(directory / REPORT),
    }
    pairs = [text for name, value in options.items() for text in (name, str(value))]
    file = str(Path(__file__).with_name("locustfile.py"))
    return [sys.executable, "-m", "locust", "-f", file, "--headless", "--only-summary", *pairs]


def run_locust(
    order: Order, place: Place, watch: ProcessWatch, *, run: str, directory: Path
) -> tuple[int, Tally]:
    """Run locust to its end; return its exit code and the sums of its answers.

    Raises:
        RuntimeError: It did not begin or did not end by itself; it is killed then.
    """
    log_path = directory / "locust.log"
    paths = [str(_PROJECT), os.environ.get("PYTHONPATH", "")]
    with log_path.open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
            locust_command(order, place, run=run, directory=directory),
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
            cwd=directory,
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
    try:
        tally = msgspec.json.decode((directory / _TALLY).read_bytes(), type=Tally)
    except (FileNotFoundError, msgspec.DecodeError):
        raise RuntimeError("the load generator did not come to its end") from None
    return process.returncode, tally
