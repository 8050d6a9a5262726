"""Every cut and every flipped bit of a small spool: the rest is delivered, nothing else ever is."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.unit.sinks.spool.spool_rig import SPEC, deliver, fast_folder, fill, numbered, opened
from utility_ts_analytics.sinks.spool.owner_folder import Losses
from utility_ts_analytics.sinks.spool.store import SpoolStore

from utility_ts_analytics.sinks.spool.record import HEAD_BYTES

COUNT = 3


class Spoiled:
    """A spool of three one-row records in one segment, made anew with other bytes in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        fill(folder, COUNT)
        (self.segment,) = (folder / SPEC.name).glob("*/*.spool")
        self.whole = self.segment.read_bytes()
        self.record_bytes = len(self.whole) // COUNT

    def reopened(self, data: bytes | bytearray) -> SpoolStore:
        shutil.rmtree(self.folder / SPEC.name)
        self.segment.parent.mkdir(parents=True)
        self.segment.write_bytes(data)
        return opened(self.folder)


@pytest.fixture
def spoiled() -> Iterator[Spoiled]:
    with fast_folder() as folder:
        yield Spoiled(folder)


def test_cut_at_any_byte_costs_only_what_is_cut(spoiled: Spoiled) -> None:
    for length in range(len(spoiled.whole) + 1):
        whole, rest = divmod(length, spoiled.record_bytes)
        with capture_logs() as logs:
            store = spoiled.reopened(spoiled.whole[:length])
            assert store.pending_rows == whole
            assert deliver(store) == numbered(*range(whole))
        assert store.losses == Losses(torn=int(rest > 0))
        assert len(logs) == int(rest > 0)
        assert store.pending_bytes == 0
        store.close()
        kept = list((spoiled.folder / SPEC.name).iterdir())
        assert [path.read_bytes() for path in kept] == [spoiled.whole[:length]] * (rest > 0)


def test_any_flipped_bit_costs_one_record_and_is_kept_for_a_look(spoiled: Spoiled) -> None:
    for bit in range(len(spoiled.whole) * 8):
        data = bytearray(spoiled.whole)
        data[bit // 8] ^= 1 << bit % 8
        hit, place = divmod(bit // 8, spoiled.record_bytes)
        with capture_logs() as logs:
            store = spoiled.reopened(data)
            assert deliver(store) == numbered(*(n for n in range(COUNT) if n != hit))
        assert store.losses == Losses(records=1, rows=int(place >= HEAD_BYTES))
        (entry,) = logs
        assert entry["offset"] == hit * spoiled.record_bytes
        assert (store.pending_rows, store.pending_bytes) == (0, 0)
        store.close()
        kept = list((spoiled.folder / SPEC.name).iterdir())
        assert [path.read_bytes() for path in kept] == [data]


def test_log_of_damage_says_where_and_never_what(spoiled: Spoiled) -> None:
    data = bytearray(spoiled.whole)
    data[HEAD_BYTES + 5] ^= 1
    with capture_logs() as logs:
        assert deliver(spoiled.reopened(data)) == numbered(1, 2)
    assert set(logs[0]) == {"event", "log_level", "file", "offset", "skipped_bytes", "rows"}
    assert logs[0]["file"] == os.fspath(spoiled.segment)
