"""Places are for living lanes: those of the dead come again, and a full disk is an error."""

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.small_disk import mounted
from tests.unit.delivery.test_order import DYING

from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.delivery.order import UNORDERED_S, StreamOrder
from utility_ts_analytics.delivery.order_file import OrderFile


def test_places_of_the_dead_are_given_to_others_and_watched_again(tmp_path: Path) -> None:
    path = tmp_path / "order"
    clock = ManualClock(start_s=10**9)
    stream = StreamOrder(path, clock)
    lane = stream.lane()
    ids = []
    for _ in range(3):
        process = subprocess.run(
            [sys.executable, "-c", DYING.replace("time.sleep(60)", ""), str(path), "waiting"],
            stdout=subprocess.PIPE,
            check=True,
        )
        ids.append(int(process.stdout))
        assert lane.limit_s() == 10**9 + UNORDERED_S
    assert len(set(ids)) == 3
    other = StreamOrder(path, clock)
    newcomer = other.lane()
    newcomer.say_oldest(1.0)
    assert lane.limit_s() == 1.0 + UNORDERED_S, "the place is watched again"
    assert path.stat().st_blocks * 512 <= 8192, "and one place was enough for all"
    stream.file.spooled_rows = 1
    assert stream.lane().id not in ids
    stream.file.spooled_rows = 0


def test_disk_without_room_is_an_error_and_does_not_end_the_process(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "64k") as disk:
        with pytest.raises(OSError, match="No space"):
            (disk / "other").write_bytes(bytes(2**20))
        with pytest.raises(OSError, match="No space"):
            StreamOrder(disk / "order", ManualClock()).lane()


def test_thread_that_has_the_id_of_a_dead_worker_is_not_that_worker(tmp_path: Path) -> None:
    file = OrderFile(tmp_path / "order")
    place = file.take_place(0.0)
    assert file.is_alive(place)
    end, started = threading.Event(), threading.Event()
    ids: list[int] = []

    def run() -> None:
        ids.append(threading.get_native_id())
        started.set()
        end.wait()

    thread = threading.Thread(target=run)
    thread.start()
    started.wait()
    file.ints[place + 4] = ids[0]  # the process id of the lane
    assert not file.is_alive(place)
    end.set()
    thread.join()


IN_DOUBT = DYING.replace(
    "print(", "stream.file.times[8 + DOUBT] = stream.clock.monotonic_s(); print(", 1
)


def test_doubt_of_a_lane_that_died_between_two_attempts_holds_later_rows_up(
    tmp_path: Path,
) -> None:
    path = tmp_path / "order"
    process = subprocess.Popen(
        [sys.executable, "-c", IN_DOUBT, str(path), "waiting"], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    clock = ManualClock(start_s=10**9)
    stream = StreamOrder(path, clock, lambda: -1.0)
    lane = stream.lane()
    process.kill()
    process.communicate()
    assert lane.limit_s() == 10**9 + UNORDERED_S, "its rows are gone"
    assert not asyncio.run(lane.clear_to_send(clock.monotonic_s())), "its request may be not"
