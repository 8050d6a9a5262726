"""Places are for living lanes: those of the dead come again, and a full disk is an error."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.small_disk import mounted
from tests.unit.sinks.test_order import DYING

from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.sinks.order import GRACE_S, StreamOrder


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
        assert lane.limit_s() == 10**9 + GRACE_S
    assert len(set(ids)) == 3
    other = StreamOrder(path, clock)
    newcomer = other.lane()
    newcomer.say_oldest(1.0)
    assert lane.limit_s() == 1.0 + GRACE_S, "the place is watched again"
    assert path.stat().st_blocks * 512 <= 8192, "and one place was enough for all"
    stream.spooled_rows = 1
    assert stream.lane().id not in ids
    stream.spooled_rows = 0


def test_disk_without_room_is_an_error_and_does_not_end_the_process(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "64k") as disk:
        with pytest.raises(OSError, match="No space"):
            (disk / "other").write_bytes(bytes(2**20))
        with pytest.raises(OSError, match="No space"):
            StreamOrder(disk / "order", ManualClock()).lane()
