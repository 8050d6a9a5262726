import errno
import stat
from pathlib import Path

import pytest
from tests.unit.sinks.spool.spool_rig import failing
from utility_ts_analytics.sinks.spool.checkpoint import NAME, read_checkpoint, write_checkpoint

PLACE = (9_999_999_999, 123_456_789_012)


def test_last_checkpoint_is_the_one_that_counts(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, 1, 500)
    write_checkpoint(tmp_path, *PLACE)
    assert read_checkpoint(tmp_path) == PLACE
    assert (tmp_path / NAME).stat().st_size == 20
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600


def test_missing_checkpoint_means_that_nothing_is_delivered(tmp_path: Path) -> None:
    assert read_checkpoint(tmp_path) == (0, 0)


def test_any_flipped_bit_means_that_nothing_is_delivered(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, *PLACE)
    whole = (tmp_path / NAME).read_bytes()
    for bit in range(len(whole) * 8):
        data = bytearray(whole)
        data[bit // 8] ^= 1 << bit % 8
        (tmp_path / NAME).write_bytes(data)
        assert read_checkpoint(tmp_path) == (0, 0)


@pytest.mark.parametrize("length", [*range(20), 21])
def test_wrong_length_means_that_nothing_is_delivered(tmp_path: Path, length: int) -> None:
    write_checkpoint(tmp_path, *PLACE)
    data = (tmp_path / NAME).read_bytes() + b"\0"
    (tmp_path / NAME).write_bytes(data[:length])
    assert read_checkpoint(tmp_path) == (0, 0)


def test_mix_of_two_checkpoints_is_neither_unless_it_equals_one(tmp_path: Path) -> None:
    """A write that a power cut tore is found, wherever it was torn."""
    write_checkpoint(tmp_path, 1, 0x1111)
    old = (tmp_path / NAME).read_bytes()
    write_checkpoint(tmp_path, 1, 0x2222)
    new = (tmp_path / NAME).read_bytes()
    for cut in range(21):
        mixed = new[:cut] + old[cut:]
        (tmp_path / NAME).write_bytes(mixed)
        expected = {old: (1, 0x1111), new: (1, 0x2222)}.get(mixed, (0, 0))
        assert read_checkpoint(tmp_path) == expected


def test_checkpoint_that_is_not_on_the_disk_is_an_error(tmp_path: Path) -> None:
    with failing("fdatasync", errno.EIO), pytest.raises(OSError, match="Input/output"):
        write_checkpoint(tmp_path, 1, 2)
