"""`python -m loadtest profile`: runs load profiles, each judged by answers, table and metrics."""

import argparse
import contextlib
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from loadtest.command_line import command_parser, count
from loadtest.processes import commit, machine
from loadtest.profiles.catalogue import PROFILES, Profile
from loadtest.profiles.play import REPORT, Order, Place, own_place, play
from loadtest.profiles.verdict import failed

_REPORTS = Path(__file__).parents[1] / "reports"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the profiles and return the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.list:
        for profile in PROFILES.values():
            print(f"{profile.name:10} {profile.text}")
        return 0
    if not options.names:
        parser.error("name a profile, or ask for --list")
    unknown = [name for name in options.names if name not in PROFILES]
    if unknown:
        parser.error(f"no such profile: {', '.join(unknown)}; see --list")
    if options.report and len(options.names) > 1:
        parser.error("--report takes one profile; the others would overwrite it")
    try:
        codes = [_play_one(ordered(PROFILES[name], options), options) for name in options.names]
    except (OSError, RuntimeError) as error:
        print(f"cannot run the profile: {error}", file=sys.stderr)
        return 1
    return max(codes)


def ordered(profile: Profile, options: argparse.Namespace) -> Order:
    """Return the profile with what the command line changes in it."""
    limits = profile.limits
    if options.p99_ms is not None:
        limits = replace(limits, p99_ms=options.p99_ms)
    changed = replace(
        profile,
        users=options.users or profile.users,
        rate=profile.rate if options.rate is None else options.rate,
        rows=options.rows or profile.rows,
        limits=limits,
    )
    return Order(changed, options.seconds or profile.seconds, options.seed)


def _play_one(order: Order, options: argparse.Namespace) -> int:
    name = order.profile.name
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix=f"{name}-"))
        place = stack.enter_context(_place(order, options))
        print(f"{name}: {order.seconds} s ...", flush=True)
        run = play(order, place, Path(directory))
        report = options.report or _REPORTS / f"{name}-{datetime.now(UTC):%Y%m%d-%H%M%S}.html"
        report.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(Path(directory) / REPORT, report)
    print(f"{machine()}, commit {commit()}\n{run}")
    print(f"report: {report}")
    print(f"{name}: {'FAILED' if failed(run.checks) else 'passed'}", flush=True)
    return 1 if failed(run.checks) else 0


def _place(order: Order, options: argparse.Namespace) -> contextlib.AbstractContextManager[Place]:
    if options.host is None:
        return own_place(
            workers=options.workers, warm_up_rows=options.warm_up, body_rows=order.profile.rows
        )
    pids = {"service": options.service_pid, "QuestDB": options.questdb_pid}
    return contextlib.nullcontext(
        Place(
            host=options.host,
            port=options.port,
            operations_port=options.operations_port,
            questdb_port=options.questdb_port,
            pids={name: pid for name, pid in pids.items() if pid is not None},
        )
    )


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "profile",
        "Put load on the service and judge it by its answers, the table, metrics and memory."
        " Starts a QuestDB and a service, unless --host names a running one. Exit code 0: every"
        " check passed; 1: one failed, or the run could not be made; 2: wrong arguments.",
        example="steady --seconds 30",
    )
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME", help="one or more profiles")
    add("--list", action="store_true", help="print the profiles and exit")
    add("--seconds", type=count, metavar="N", help="length of the run (the profile's own)")
    add("--users", type=count, metavar="N", help="connections (the profile's own)")
    add("--rate", type=_rate, metavar="R", help="bodies per second; 0 posts one after the other")
    add("--rows", type=count, metavar="N", help="valid lines of a body, or of a piece of one")
    add("--p99-ms", type=_rate, metavar="MS", help="limit of the p99 from when a post was due")
    add("--seed", type=count, default=1, metavar="N", help="of the values (1)")
    add("--report", type=Path, metavar="FILE", help="HTML (loadtest/reports/NAME-TIME.html)")
    add("--workers", type=int, default=0, metavar="N", help="worker processes; 0: one per core (0)")
    add("--warm-up", type=int, default=300_000, metavar="N", help="rows before the run (300000)")
    there = parser.add_argument_group("a running service and its QuestDB")
    there.add_argument("--host", help="of both; without it they are started")
    for name, port in (("port", 7001), ("operations-port", 9090), ("questdb-port", 9000)):
        there.add_argument(f"--{name}", type=count, default=port, metavar="N", help=f"({port})")
    for name in ("service-pid", "questdb-pid"):
        there.add_argument(
            f"--{name}", type=count, metavar="N", help="process whose memory to watch"
        )
    return parser


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = -1.0
    if not 0 <= rate < float("inf"):
        raise argparse.ArgumentTypeError("must be a number of at least 0")
    return rate
