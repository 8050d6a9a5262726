"""What a worker said last can be read by others, also after it died."""

import os
from pathlib import Path

from utility_ts_analytics.service.beacon import SERVING, Beacon, read_signs


def test_the_last_word_is_read_back(tmp_path: Path) -> None:
    beacon = Beacon(tmp_path, "meter_usage")
    beacon.say(SERVING, 1.5, (1, 2, 3, 4, 5, 6, 7))
    (sign,) = read_signs(tmp_path)
    assert (sign.stream, sign.state, sign.beat_s) == ("meter_usage", SERVING, 1.5)
    assert sign.identity == (sign.server_pid, sign.pid) == (os.getsid(0), os.getpid())
    counts = (sign.stored_rows, sign.rejected_rows, sign.failed_rows, sign.held_rows, sign.retries)
    assert (*counts, sign.spooled_rows, sign.fallback_lanes) == (1, 2, 3, 4, 5, 6, 7)
    assert sign.alive


def test_a_file_cut_short_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "meter_usage.1.2.beacon").write_bytes(b"short")
    assert list(read_signs(tmp_path)) == []


def test_a_stranger_with_the_process_id_of_a_dead_worker_does_not_make_it_alive(
    tmp_path: Path,
) -> None:
    Beacon(tmp_path, "meter_usage")
    [path] = tmp_path.iterdir()
    pid = os.getpid()
    path.rename(tmp_path / f"meter_usage.{os.getsid(0) + 1}.{pid}.beacon")
    [sign] = read_signs(tmp_path)
    assert sign.pid == pid
    assert not sign.alive
