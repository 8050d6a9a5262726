"""What a worker said last can be read by others, also after it died."""

import os
from pathlib import Path

from utility_ts_analytics.service.beacon import SERVING, Beacon, read_signs


def test_the_last_word_is_read_back(tmp_path: Path) -> None:
    beacon = Beacon(tmp_path, "meter_usage")
    beacon.say(SERVING, 1.5, (1, 2, 3, 4, 5))
    (sign,) = read_signs(tmp_path)
    assert (sign.stream, sign.pid, sign.state, sign.beat_s) == (
        "meter_usage", os.getpid(), SERVING, 1.5
    )  # fmt: skip
    counts = (sign.stored_rows, sign.rejected_rows, sign.failed_rows, sign.held_rows, sign.retries)
    assert counts == (1, 2, 3, 4, 5)
    assert sign.alive


def test_a_file_cut_short_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "meter_usage.1.beacon").write_bytes(b"short")
    assert list(read_signs(tmp_path)) == []
