"""Watches a service while it is attacked: its memory, and how its other clients fare."""

import http.client
import statistics
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.process.process_family import memory_mib, peak_memory_mib, worker_on
from tests.process.running_service import RunningService
from tests.process.sample_readings import reading_lines

from utility_ts_analytics.clock import SystemClock

NEIGHBOUR_S_MAX = 3.0
"""Longest of a neighbour's posts during an attack: a moment on a busy machine, and far below what
a worker that is blocked, or that collects before it refuses, would take."""

NEIGHBOUR_MEDIAN_S_MAX = 1.0
_PAUSE_S = 0.01


@dataclass(slots=True)
class Neighbour:
    """A client that goes on posting ten readings at a time, each post over a new connection.

    Attributes:
        service: Which it posts to.
        meter_id: Of its readings.
        took_s: How long each post took until its 200.
        odd: What was no 200.
    """

    service: RunningService
    meter_id: str
    took_s: list[float] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def posting(self) -> Iterator[None]:
        """Post for the length of a `with` block."""
        thread = threading.Thread(target=self._post_on)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _post_on(self) -> None:
        clock, body = SystemClock(), reading_lines(self.meter_id, 10)
        # Once more after the end, so that also a short attack has a post beside or behind it.
        last = False
        while not last:
            last = self._over.is_set()
            began_s = clock.monotonic_s()
            try:
                answer = self.service.post_lines(body)
            except (OSError, http.client.HTTPException) as error:
                self.odd.append(repr(error))
                continue
            self.took_s.append(clock.monotonic_s() - began_s)
            if answer.status != 200:
                self.odd.append(repr(answer))
            self._over.wait(_PAUSE_S)


@contextmanager
def watched(service: RunningService, meter_id: str, *, added_mib_max: int) -> Iterator[None]:
    """Hold the worker of `meter_usage` to its bounds while the `with` block attacks it.

    Afterwards it is the same process, it had at no time more than `added_mib_max` MiB beyond what
    it had before, and a neighbour's posts were all stored, and soon.
    """
    port = service.ports.meter_usage
    worker = worker_on(port)
    Path(f"/proc/{worker}/clear_refs").write_text("5")  # sets the peak back: proc(5)
    before_mib = memory_mib(worker)
    neighbour = Neighbour(service, meter_id)
    with neighbour.posting():
        yield
    assert worker_on(port) == worker, service.output()[-2000:]
    assert neighbour.odd == []
    assert max(neighbour.took_s) < NEIGHBOUR_S_MAX, sorted(neighbour.took_s)[-5:]
    assert statistics.median(neighbour.took_s) < NEIGHBOUR_MEDIAN_S_MAX
    added_mib = peak_memory_mib(worker) - before_mib
    assert added_mib <= added_mib_max, f"{added_mib} MiB more than before"
