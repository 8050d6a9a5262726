"""The memory scenarios: what clients do to a worker, and the load that the formula is given."""

import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from loadtest.client import PATH, Answer, Target, post_bodies
from loadtest.ledger import fault_of
from loadtest.memory import posts
from loadtest.memory.bound import KIB, Limits, Load
from loadtest.processes import MIB, StillNot, stopped, wait_until
from loadtest.readings import Body, split_bodies
from loadtest.service import Database, Value

GOAL_MIB = 120 * 1e6 / MIB
"""120 MB: the goal for a worker with the default configuration."""

WINDOWS_GOAL_MIB = 160 * 1e6 / MIB
"""160 MB: the goal for zstd bodies that all ask for the largest window."""

_ARRAY_PATH = PATH.removesuffix("/ndjson")


@dataclass(frozen=True, slots=True)
class Stage:
    """What a scenario may use.

    Attributes:
        database: The QuestDB of all scenarios.
        questdb_pid: Its process.
        lines: Readings, `rows` of them.
        directory: For files of the scenario.
        stream_bytes: Length of the endless body.
        port: Of the scenario's own service, which has one worker.
    """

    database: Database
    questdb_pid: int
    lines: Path
    rows: int
    directory: Path
    stream_bytes: int
    port: int = 0

    def bodies(self, rows_each: int, count: int) -> list[Body]:
        """Return `count` bodies of so many rows, the file over and over."""
        split = split_bodies(self.lines, min(rows_each, self.rows))
        return [split[index % len(split)] for index in range(count)]

    def post(self, bodies: Sequence[Body], connections: int) -> Sequence[Answer]:
        """Post plain bodies, patiently."""
        target = Target(self.port)
        run = post_bodies(self.lines, bodies, target, connections=connections, patient=True)
        return run.answers


Run = Callable[[Stage], None]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One load on a fresh service.

    Attributes:
        load: For the formula.
        run: Makes the load; raises RuntimeError for wrong answers.
        goal_mib: Besides the bound of the formula; None for no goal.
        source: Keys of `[meter_usage.source]`.
        sink: Keys of `[meter_usage.sink]`.
        limits: The same, for the formula.
        ilp_gone: Whether the port of ILP is closed.
        spools: Whether there is a spool.
    """

    name: str
    load: Load
    run: Run
    goal_mib: float | None = None
    source: Mapping[str, Value] = field(default_factory=dict)
    sink: Mapping[str, Value] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    ilp_gone: bool = False
    spools: bool = False


def stored_or_raise(answers: Sequence[Answer]) -> None:
    """Hold every answer to be a 200 with all rows committed."""
    faults = [fault for fault in map(fault_of, answers) if fault is not None]
    if faults:
        raise RuntimeError(f"{len(faults)} of {len(answers)} answers are wrong: {faults[0]}")


def statuses_or_raise(answers: Sequence[Answer], allowed: set[int]) -> None:
    """Hold every status to be one of `allowed`."""
    odd = [answer for answer in answers if answer.status not in allowed]
    if odd:
        raise RuntimeError(f"{len(odd)} of {len(answers)} answers: {odd[0].content[:300]!r}")


def _plain(rows_each: int, count: int, connections: int) -> Run:
    def run(stage: Stage) -> None:
        stored_or_raise(stage.post(stage.bodies(rows_each, count), connections))

    return run


def _crowd(stage: Stage) -> None:
    """Two hundred clients at once, each until its body is stored; a third is refused at first."""
    stored_or_raise(stage.post(stage.bodies(5_000, 200), 200))


def _stream(stage: Stage) -> None:
    times, status, content = posts.post_repeated(stage.port, stage.lines, stage.stream_bytes)
    body = Body(0, stage.lines.stat().st_size * times, stage.rows * times)
    stored_or_raise([Answer(body, status, content)])


def _compressed(encoding: str, rows_each: int, count: int) -> Run:
    def run(stage: Stage) -> None:
        packed = stage.directory / f"bodies.{encoding}"
        bodies = posts.compress_bodies(
            stage.lines, stage.bodies(rows_each, count), packed, encoding
        )
        target = Target(stage.port, content_encoding=encoding)
        run = post_bodies(packed, bodies, target, connections=count, patient=True)
        stored_or_raise(run.answers)

    return run


def _arrays(stage: Stage) -> None:
    packed = stage.directory / "bodies.json"
    bodies = posts.array_bodies(stage.lines, stage.bodies(50_000, 16), packed)
    target = Target(stage.port, _ARRAY_PATH, "application/json")
    run = post_bodies(packed, bodies, target, connections=16, patient=True)
    stored_or_raise(run.answers)


def _stalled(allowed: set[int]) -> Run:
    def run(stage: Stage) -> None:
        with stopped(stage.questdb_pid):
            target = Target(stage.port)
            bodies = stage.bodies(50_000, 64)
            answers = post_bodies(stage.lines, bodies, target, connections=64).answers
            statuses_or_raise(answers, allowed)
        # The service stores again once it has seen that QuestDB is back.
        with contextlib.suppress(StillNot):
            wait_until(
                lambda: stage.post(stage.bodies(100, 1), 1)[0].status == 200,
                "a body is stored",
                timeout_s=30.0,
                every_s=0.1,
            )
        stored_or_raise(stage.post(stage.bodies(5_000, 8), 4))

    return run


def _held(opening: Callable[[int], bytes], count: int) -> Run:
    def run(stage: Stage) -> None:
        with posts.held_open(stage.port, opening(stage.port), count):
            threading.Event().wait(1.0)

    return run


def _together(stage: Stage) -> None:
    """The uploads of `uploads`, beside 1,000 silent connections and small posts."""
    with posts.held_open(stage.port, b"", 1_000), ThreadPoolExecutor(2) as threads:
        large = threads.submit(stage.post, stage.bodies(10_000, 64), 32)
        small = threads.submit(stage.post, stage.bodies(10, 1_000), 32)
        stored_or_raise([*large.result(), *small.result()])


_SHORT_WAITS: Mapping[str, Value] = {"request_timeout_ms": 2_000, "delivery_timeout_ms": 3_000}
"""Waits change how long rows are held, not how many."""

SCENARIOS: Sequence[Scenario] = (
    Scenario("idle", Load(), _plain(1, 1, 1), GOAL_MIB),
    Scenario("uploads", Load(64, 64), _plain(10_000, 128, 64), GOAL_MIB),
    Scenario("stream", Load(1, 1), _stream, GOAL_MIB),
    Scenario("tiny", Load(64, 64), _plain(1, 10_000, 64), GOAL_MIB),
    Scenario("gzip", Load(64, 64, gzip=64), _compressed("gzip", 20_000, 64)),
    Scenario("crowd", Load(200, 200), _crowd),
    Scenario("stalled", Load(64, 64), _stalled({200, 503, 429}), sink=_SHORT_WAITS),
    Scenario(
        "spool",
        Load(64, 64, restored=True),
        _stalled({200, 202, 503, 429}),
        sink=_SHORT_WAITS,
        spools=True,
    ),
    Scenario("fallback", Load(64, 64, restored=True), _plain(5_000, 128, 64), ilp_gone=True),
    Scenario("mixed", Load(1_064, 64), _together, GOAL_MIB),
    Scenario(
        "small batches",
        Load(64, 64),
        _plain(10_000, 128, 64),
        sink={"batch_size": 5_000},
        limits=Limits(batch_size=5_000),
    ),
    Scenario(
        "large batches",
        Load(64, 64),
        _plain(10_000, 128, 64),
        source={"channel_capacity": 200_000},
        sink={"batch_size": 100_000},
        limits=Limits(channel_capacity=200_000, batch_size=100_000),
    ),
    Scenario(
        "zstd windows", Load(64, 64, zstd=64), _compressed("zstd", 50_000, 64), WINDOWS_GOAL_MIB
    ),
    Scenario("arrays", Load(16, 16, array_bytes=16 * 9 * MIB), _arrays),
    Scenario(
        "long lines",
        Load(128, 128, line_bytes=1_000 * KIB),
        _held(lambda port: posts.unfinished_line(port, 1_000 * KIB), 128),
    ),
    Scenario(
        "heads",
        Load(200, heads=200),
        _held(lambda port: posts.unfinished_head(port, 60 * KIB), 200),
    ),
)
