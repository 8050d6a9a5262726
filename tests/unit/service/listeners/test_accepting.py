"""Who could take connections and does not is told from who is full, busy or was not looked at."""

import pytest

from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.service.listeners.accepting import AcceptWatch, StuckWorker
from utility_ts_analytics.service.listeners.worker_sockets import WorkerSockets

PLACES = 40
FILES = 300
WORKER = (10, 11)
LATE_S = 8.0


def sockets(
    *, waiting: int = 1, connections: range = range(5), open_files: int = 60, listens: bool = True
) -> WorkerSockets:
    return WorkerSockets(listens, waiting, frozenset(connections), open_files, FILES)


class Watching:
    """A watch of one worker that looks every two seconds."""

    def __init__(self, *, tls: bool = True) -> None:
        self.clock = ManualClock(100.0)
        self.watch = AcceptWatch(PLACES, tls=tls, late_s=LATE_S)

    def look(self, seen: WorkerSockets, *, after_s: float = 2.0) -> StuckWorker | None:
        self.clock.advance(after_s)
        return self.watch.look({WORKER: seen}, self.clock.monotonic_s()).get(WORKER)


def test_worker_that_has_room_and_lets_others_wait_is_stuck() -> None:
    watching = Watching()
    assert watching.look(sockets()) is None
    assert watching.look(sockets()) == StuckWorker(2.0, "it has 5 connections and lets others wait")
    assert watching.look(sockets(connections=range(3))) == StuckWorker(
        4.0, "it has 3 connections and lets others wait"
    )


def test_worker_without_connections_that_wait_is_fine() -> None:
    watching = Watching()
    assert [watching.look(sockets(waiting=0)) for _ in range(5)] == [None] * 5


@pytest.mark.parametrize("tls", [True, False])
def test_busy_worker_that_accepts_is_fine(tls: bool) -> None:
    watching = Watching(tls=tls)
    for first in range(20):
        assert watching.look(sockets(connections=range(first, first + 5))) is None


@pytest.mark.parametrize("tls", [True, False])
def test_full_worker_is_fine_for_as_long_as_it_is_full(tls: bool) -> None:
    watching = Watching(tls=tls)
    full = sockets(waiting=500, connections=range(PLACES), open_files=100)
    assert [watching.look(full) for _ in range(100)] == [None] * 100


def test_tls_worker_without_descriptors_is_stuck_also_where_it_accepts_one_now_and_then() -> None:
    watching = Watching()
    reason = f"all its {FILES} file descriptors are in use"
    assert watching.look(sockets(connections=range(250), open_files=FILES)) is None
    for first, since_s in ((1, 2.0), (2, 4.0), (3, 6.0)):
        seen = sockets(connections=range(first, first + 250), open_files=FILES - 1)
        assert watching.look(seen) == StuckWorker(since_s, reason)


def test_plain_worker_without_descriptors_is_full() -> None:
    watching = Watching(tls=False)
    seen = sockets(connections=range(30), open_files=FILES)
    assert [watching.look(seen) for _ in range(10)] == [None] * 10


def test_worker_that_does_not_listen_is_stuck() -> None:
    watching = Watching()
    gone = sockets(waiting=0, listens=False)
    assert watching.look(gone) is None
    assert watching.look(gone) == StuckWorker(2.0, "it does not listen")


def test_watch_that_stood_still_gives_the_whole_patience_anew() -> None:
    watching = Watching()
    watching.look(sockets())
    assert watching.look(sockets(), after_s=LATE_S + 1) is None
    assert watching.look(sockets()) == StuckWorker(2.0, "it has 5 connections and lets others wait")


def test_worker_that_comes_with_the_number_of_another_is_new() -> None:
    watching = Watching()
    watching.look(sockets())
    watching.clock.advance(2.0)
    assert watching.watch.look({}, watching.clock.monotonic_s()) == {}
    assert watching.look(sockets()) is None
