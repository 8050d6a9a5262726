"""Times work in turns with a fixed loop, and reads the peak memory of this process."""

import asyncio
import contextlib
import gc
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec
import uvloop
from loadtest.bench.figures import Figures, Memory, Request, Round, figures_of
from loadtest.stored import SentReading

_CALIBRATION_ROWS_MAX = 20_000
"""About 10 ms: long against the clock, short beside the work."""

ResultT = TypeVar("ResultT")
Work = Callable[[], object]

_STATUS = Path("/proc/self/status")
_decode_line = msgspec.json.Decoder(SentReading).decode


def run_on_loop(main: Callable[[], Awaitable[ResultT]]) -> ResultT:
    """Run a coroutine on the kind of loop that the workers use."""

    async def awaited() -> ResultT:
        return await main()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(awaited())


@dataclass(frozen=True, slots=True)
class Trial:
    """Work that needs only CPU and memory.

    Attributes:
        lines: The readings as clean NDJSON, for the calibration.
        work: Is timed; works on as many rows.
        size_bytes: Of these rows as NDJSON; 0 for that of the lines.
        prepare: Called before every round, not timed.
    """

    lines: Sequence[bytes]
    work: Work
    size_bytes: int = 0
    prepare: Work = lambda: None


def measure_cpu(trial: Trial, request: Request) -> Figures:
    """Run the work and the calibration in turns.

    The calibration is msgspec alone, which decodes the same rows, line by line, into a type of our
    own. The ratio is of CPU, best to best: other processes can only ever make a round dearer.
    """
    lines = trial.lines[:_CALIBRATION_ROWS_MAX]
    scale = len(trial.lines) / len(lines)
    timed: list[tuple[float, float, float]] = []
    before_mib = reset_peak()
    for number in range(-1, request.rounds):  # the first one only warms up
        _, reference_s = _time(lambda: deque(map(_decode_line, lines), maxlen=0))
        trial.prepare()
        wall_s, cpu_s = _time(trial.work)
        if number >= 0:
            timed.append((wall_s, cpu_s, reference_s * scale))
    return figures_of(
        request,
        [Round(wall_s, cpu_s, reference_s / cpu_s) for wall_s, cpu_s, reference_s in timed],
        Memory(peak_mib(), before_mib),
        rows=len(trial.lines),
        size_bytes=trial.size_bytes or sum(map(len, trial.lines)),
        ratio=min(one[2] for one in timed) / min(one[1] for one in timed),
        against="calibration",
    )


def reset_peak() -> float:
    """Reset the peak to the memory that is resident now; return that, MiB.

    Where the kernel does not let us, the peak stays that of the whole process.
    """
    gc.collect()
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _status_mib("VmRSS")


def peak_mib() -> float:
    """Return the most memory that this process had resident since `reset_peak`, MiB."""
    return _status_mib("VmHWM")


def _time(work: Work) -> tuple[float, float]:
    """Return wall time and CPU of all threads, seconds."""
    gc.collect()
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall_s, time.process_time() - cpu_s


def _status_mib(name: str) -> float:
    return int(_STATUS.read_text().partition(f"{name}:")[2].split(maxsplit=1)[0]) / 1024
