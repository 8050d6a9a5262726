"""What clients do to a worker while its memory is watched, and what the formula says to that."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from loadtest.memory import posts
from loadtest.memory.bound import KIB, MIB, Limits, Load
from loadtest.meter_posts import CONTENT_TYPE, PATH, fault_of
from loadtest.posting import Answer, Body, Target, post_bodies, split_bodies
from loadtest.service_under_test import Value

GOAL_MIB = 120 * 1e6 / MIB
"""120 MB: what a worker may have resident with the default configuration (DESIGN, section 5)."""

WINDOWS_GOAL_MIB = 160 * 1e6 / MIB
"""160 MB: the same for zstd bodies that all ask for the largest window (DESIGN, section 7)."""

_ARRAY_PATH = PATH.removesuffix("/ndjson")


@dataclass(frozen=True, slots=True)
class Stage:
    """What a scenario may use.

    Attributes:
        port: Of the service, which has one worker.
        questdb_pid: To stop for a while.
        lines: Generated readings, as many as `rows`.
        rows: Of that file.
        directory: For files of its own.
        stream_bytes: How long the endless body is.
    """

    port: int
    questdb_pid: int
    lines: Path
    rows: int
    directory: Path
    stream_bytes: int

    def bodies(self, rows_each: int, count: int) -> list[Body]:
        """Return `count` bodies of so many rows, the file over and over."""
        split = split_bodies(self.lines, min(rows_each, self.rows))
        return [split[index % len(split)] for index in range(count)]

    def post(self, bodies: Sequence[Body], connections: int) -> Sequence[Answer]:
        """Post plain bodies, patiently."""
        target = Target(self.port, PATH, CONTENT_TYPE)
        run = post_bodies(self.lines, bodies, target, connections=connections, patient=True)
        return run.answers

    @contextlib.contextmanager
    def database_stopped(self) -> Iterator[None]:
        """Let QuestDB stand still for a `with` block."""
        os.kill(self.questdb_pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.questdb_pid, signal.SIGCONT)


Run = Callable[[Stage], None]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One load on a fresh service.

    Attributes:
        name: Of the row in the table.
        load: What the formula is asked about.
        run: Makes the load. Raises RuntimeError when answers are not what they should be.
        goal_mib: What the worker may have resident whatever the formula says; None for no goal.
        source: Keys of `[meter_usage.source]`.
        sink: Keys of `[meter_usage.sink]`.
        limits: The same, for the formula.
        ilp_gone: Whether nobody listens where ILP goes to.
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
    """Two hundred clients at once, each until its body is stored: a third has no place at first."""
    target = Target(stage.port, PATH, CONTENT_TYPE)
    with ThreadPoolExecutor(200) as threads:
        bodies = stage.bodies(5_000, 200)
        answers = threads.map(lambda body: posts.post_until(stage.lines, body, target), bodies)
        stored_or_raise(list(answers))


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
        target = Target(stage.port, PATH, CONTENT_TYPE, content_encoding=encoding)
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
        with stage.database_stopped():
            target = Target(stage.port, PATH, CONTENT_TYPE)
            bodies = stage.bodies(50_000, 64)
            answers = post_bodies(stage.lines, bodies, target, connections=64).answers
            statuses_or_raise(answers, allowed)
        # It goes on as if nothing had been, once it has seen that QuestDB is back.
        posts.until(lambda: stage.post(stage.bodies(100, 1), 1)[0].status == 200, 30.0)
        stored_or_raise(stage.post(stage.bodies(5_000, 8), 4))

    return run


def _held(opening: Callable[[int], bytes], count: int) -> Run:
    def run(stage: Stage) -> None:
        with posts.held_open(stage.port, opening(stage.port), count):
            threading.Event().wait(1.0)

    return run


def _together(stage: Stage) -> None:
    """The uploads of `uploads`, beside 1,000 connections that say nothing and small posts."""
    with posts.held_open(stage.port, b"", 1_000), ThreadPoolExecutor(2) as threads:
        large = threads.submit(stage.post, stage.bodies(10_000, 64), 32)
        small = threads.submit(stage.post, stage.bodies(10, 1_000), 32)
        stored_or_raise([*large.result(), *small.result()])


_SHORT_WAITS: Mapping[str, Value] = {"request_timeout_ms": 2_000, "delivery_timeout_ms": 3_000}
"""Waits do not change what is held, only for how long."""

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
        "zstd windows",
        Load(64, 64, zstd=64),
        _compressed("zstd", 50_000, 64),
        WINDOWS_GOAL_MIB,
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
