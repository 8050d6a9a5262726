"""The locust side of the profiles; importing it patches the standard library.

By hand: `locust -f loadtest/profiles/locustfile.py --load steady --host http://127.0.0.1:7001`
"""

import gc
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

import gevent
import msgspec
from loadtest.client import CONTENT_TYPE, PATH
from loadtest.ledger import RETRIED_STATUSES
from loadtest.profiles.bodies import Stock, judge
from loadtest.profiles.catalogue import PROFILES, Profile, Schedule, users_at
from loadtest.profiles.tally import NO_ANSWER, Attempt, Tally
from loadtest.profiles.verdict import client_verdict
from locust import LoadTestShape, constant, events, task
from locust.argument_parser import LocustArgumentParser
from locust.contrib.fasthttp import FastHttpUser
from locust.env import Environment
from locust.runners import STATE_CLEANUP, STATE_STOPPED, STATE_STOPPING, MasterRunner, WorkerRunner

_ATTEMPTS_MAX = 20
_RETRY_WAIT_S_MIN = 0.05
_ANSWER_TIMEOUT_S = 120.0
_STOP_TIMEOUT_S = 60.0
_OVER = frozenset((STATE_STOPPING, STATE_STOPPED, STATE_CLEANUP))


@dataclass(slots=True)
class _Desk:
    """State shared by all users of a run."""

    profile: Profile
    stock: Stock
    schedule: Schedule
    seconds: float
    tally: Tally = field(default_factory=Tally)


class _Running:
    """The one run of this process."""

    desk: ClassVar[_Desk | None] = None


class ProfileUser(FastHttpUser):
    """One connection that posts when it is due."""

    host = "http://127.0.0.1:7001"
    wait_time = constant(0)
    network_timeout = _ANSWER_TIMEOUT_S
    connection_timeout = 30.0
    # Only attempts that the journal has may be made.
    max_retries = 0
    max_redirects = 0

    def on_start(self) -> None:
        """Take a place in the schedule."""
        self._due_s = self._desk.schedule.first_due_s(time.monotonic())

    @task
    def post_when_due(self) -> None:
        """Wait until due, then post one body until it has an answer that stays."""
        desk = self._desk
        gevent.sleep(max(0.0, self._due_s - time.monotonic()))
        runner = self.environment.runner
        if runner is None or runner.state in _OVER:
            return
        due_s = self._due_s
        first, twice = desk.schedule.take_body()
        self._post_until_answered(first, due_s, replay=False)
        if twice:
            self._post_until_answered(first, time.monotonic(), replay=True)
        self._due_s = desk.schedule.next_due_s(due_s, time.monotonic())

    @property
    def _desk(self) -> _Desk:
        if _Running.desk is None:
            raise AssertionError("the run has not begun")
        return _Running.desk

    def _post_until_answered(self, first: int, due_s: float, *, replay: bool) -> None:
        for attempt in range(1, _ATTEMPTS_MAX + 1):
            wait_s = self._post(first, due_s, replay=replay, may_wait=attempt < _ATTEMPTS_MAX)
            if wait_s is None:
                return
            gevent.sleep(wait_s)

    def _post(self, first: int, due_s: float, *, replay: bool, may_wait: bool) -> float | None:
        """Post once, and return how long to wait before the next attempt; None ends it."""
        desk = self._desk
        count = desk.profile.pieces
        pieces = [desk.stock.piece(number) for number in range(first, first + count)]
        headers = {"content-type": CONTENT_TYPE, "accept-encoding": "identity"}
        body: bytes | Iterator[bytes]
        if desk.profile.chunk_bytes:
            body = desk.stock.chunks(first, count, desk.profile.chunk_bytes)
            headers["transfer-encoding"] = "chunked"
        else:
            body = desk.stock.content(first)
        status, accepted = NO_ANSWER, 0
        fault, wait_s = "no answer: the run was ended", None
        sent_s = time.monotonic()
        try:
            with self.client.post(
                PATH,
                data=body,  # type: ignore[arg-type]  # bytes and iterators are sent as they are
                headers=headers,
                catch_response=True,
            ) as answer:
                status = answer.status_code or NO_ANSWER
                if status == NO_ANSWER:
                    fault = f"no answer: {answer.error!r}"
                else:
                    accepted, fault = judge(status, answer.content or b"", pieces)
                    if fault and may_wait and status in RETRIED_STATUSES:
                        asked = (answer.headers or {}).get("retry-after")
                        wait_s = max(float(asked or 0), _RETRY_WAIT_S_MIN)
                if fault:
                    answer.failure(fault)
                else:
                    answer.success()
        finally:
            # Also when the user is killed in the middle: its rows may be stored.
            attempt = Attempt(
                first=first,
                pieces=count,
                due_s=due_s,
                sent_s=sent_s,
                ended_s=time.monotonic(),
                status=status,
                accepted=accepted,
                last=wait_s is None,
                replay=replay,
                fault=fault,
            )
            desk.tally.add(attempt, desk.stock)
            if attempt.last and not replay:
                self.environment.events.request.fire(
                    request_type="POST",
                    name="from when due",
                    response_time=desk.tally.from_due_ms[-1],
                    response_length=0,
                    exception=None,
                    context={},
                )
        return wait_s


class BurstShape(LoadTestShape):
    """More users in the middle third of the run."""

    abstract = True  # chosen in `_prepare`, not found in this file

    def tick(self) -> tuple[int, float] | None:
        """Return the number of users for now, and how many may start a second; None at the end."""
        desk = _Running.desk
        if desk is None:
            return 1, 1.0
        elapsed_s = time.monotonic() - desk.schedule.started_s
        if elapsed_s >= desk.seconds:
            return None
        users = users_at(desk.profile, elapsed_s, desk.seconds)
        return users, float(users)


# Locust's decorators have no types.
@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]
def _add_options(parser: LocustArgumentParser) -> None:
    parser.add_argument("--load", choices=list(PROFILES), default="steady", help="load profile")
    parser.add_argument("--order", default="", help="a whole profile as JSON, instead of --load")
    parser.add_argument("--rate", type=float, help="bodies per second of all users together")
    parser.add_argument("--rows", type=int, help="right lines of one piece of a body")
    parser.add_argument(
        "--seconds", type=int, help="posts fall due for so long; -t counts the start"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the values (1)")
    parser.add_argument("--run-id", default="", help="marks the rows of this run")
    parser.add_argument("--tally", default="", help="file for the sums of all answers")


@events.init.add_listener  # type: ignore[untyped-decorator]
def _prepare(environment: Environment, **_rest: object) -> None:
    """Make all bodies before the time of the run begins to count."""
    if isinstance(environment.runner, WorkerRunner | MasterRunner):
        raise TypeError("cannot run a profile in several processes: they would post the same keys")
    options = environment.parsed_options
    if options is None:
        raise AssertionError("locust parses its options before this event")
    known = PROFILES[options.load]
    if options.order:
        known = msgspec.json.decode(options.order, type=Profile)
    profile = replace(
        known,
        users=options.num_users or known.users,
        rate=known.rate if options.rate is None else options.rate,
        rows=options.rows or known.rows,
    )
    if profile.burst > 1:
        environment.shape_class = BurstShape()  # type: ignore[no-untyped-call]
        environment.shape_class.runner = environment.runner
    # Locust's default for both is 1.
    options.num_users = profile.users
    options.spawn_rate = options.spawn_rate or profile.users
    run = options.run_id or f"LT{secrets.token_hex(3)}"
    _Running.desk = _Desk(
        profile=profile,
        stock=Stock(profile, run, seed=options.seed),
        schedule=Schedule(profile, time.monotonic()),
        seconds=float(options.seconds or options.run_time or known.seconds),
    )
    # A post that has begun is answered before its user ends.
    environment.stop_timeout = environment.stop_timeout or _STOP_TIMEOUT_S
    # Tens of thousands of small objects that stay: no collection needs to walk them.
    gc.collect()
    gc.freeze()


@events.test_start.add_listener  # type: ignore[untyped-decorator]
def _begin(environment: Environment, **_rest: object) -> None:
    desk, runner, options = _Running.desk, environment.runner, environment.parsed_options
    if desk is None or runner is None or options is None:
        raise AssertionError("nothing was made ready")
    desk.schedule.started_s = time.monotonic()
    if options.seconds:
        gevent.spawn_later(desk.seconds, runner.quit)


@events.quitting.add_listener  # type: ignore[untyped-decorator]
def _end(environment: Environment, **_rest: object) -> None:
    desk = _Running.desk
    if desk is None:
        return
    options = environment.parsed_options
    if options is not None and options.tally:
        Path(options.tally).write_bytes(msgspec.json.encode(desk.tally))
    else:
        # Started by hand: judged by the answers alone.
        environment.process_exit_code = client_verdict(desk.tally, desk.profile)
