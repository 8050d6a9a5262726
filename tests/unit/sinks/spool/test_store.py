import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.sinks.spool.spool_rig import (
    SPEC,
    batch,
    deliver,
    failing,
    failing_write,
    fast_folder,
    fill,
    meters,
    new_store,
    numbered,
    opened,
    segments,
)
from utility_ts_analytics.sinks.spool.owner_folder import Losses
from utility_ts_analytics.sinks.spool.store import (
    Appended,
    SpoolBroken,
    SpoolFull,
    SpoolStore,
)

from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.sinks.spool import store as store_module
from utility_ts_analytics.sinks.spool.record import encode_record

RECORD_BYTES = len(encode_record(batch(0)))


@pytest.fixture
def folder() -> Iterator[Path]:
    with fast_folder() as path:
        yield path


def test_rows_come_back_in_order_and_again_until_removed(folder: Path) -> None:
    store = opened(folder)
    assert store.oldest() is None
    for number in range(3):
        assert store.append(batch(number, 2)) == Appended(2, len(encode_record(batch(0, 2))))
    assert store.pending_rows == 6
    first = store.oldest()
    assert first is not None
    assert store.oldest() is first
    assert deliver(store) == [meters(batch(number, 2)) for number in range(3)]
    assert (store.pending_rows, store.pending_bytes) == (0, 0)
    store.close()
    assert list((folder / SPEC.name).iterdir()) == []


def test_removing_what_was_not_handed_out_is_a_fault(folder: Path) -> None:
    store = opened(folder)
    store.append(batch(0))
    with pytest.raises(AssertionError, match="handed out"):
        store.remove_oldest()
    store.oldest()
    store.remove_oldest()
    with pytest.raises(AssertionError, match="handed out"):
        store.remove_oldest()


def test_streams_do_not_meet(folder: Path) -> None:
    fill(folder, 1)
    other = SpoolStore(folder, STREAMS["generation_output"], bytes_max=1000, segment_bytes_max=1000)
    assert other.open() is None
    assert other.oldest() is None


# The bound on bytes


def test_full_spool_takes_nothing_until_delivery_made_room(folder: Path) -> None:
    store = new_store(folder, bytes_max=3 * RECORD_BYTES, segment_bytes_max=RECORD_BYTES)
    store.open()
    for number in range(3):
        assert isinstance(store.append(batch(number)), Appended)
    refused = store.append(batch(3))
    assert refused == SpoolFull(
        f"cannot spool 1 rows: {3 * RECORD_BYTES} of {3 * RECORD_BYTES} bytes are taken;"
        " see meter_usage.spool.max_bytes"
    )
    store.oldest()
    store.remove_oldest()
    assert isinstance(store.append(batch(4)), Appended)
    assert deliver(store) == numbered(1, 2, 4)


def test_bound_holds_over_all_spools_and_orphans_of_the_stream(folder: Path) -> None:
    fill(folder, 1)
    bytes_max = 3 * RECORD_BYTES
    first = new_store(folder, bytes_max=bytes_max)
    second = new_store(folder, bytes_max=bytes_max)
    assert isinstance(first.append(batch(1)), Appended)
    assert isinstance(second.append(batch(2)), Appended)
    assert isinstance(first.append(batch(3)), SpoolFull)
    assert isinstance(second.append(batch(3)), SpoolFull)


def test_damaged_files_that_are_kept_do_not_count(folder: Path) -> None:
    store = new_store(folder, bytes_max=RECORD_BYTES)
    store.open()
    store.append(batch(0))
    os.truncate(segments(folder)[0], RECORD_BYTES - 1)
    assert store.oldest() is None
    assert store.losses == Losses(records=1, rows=1)
    assert len(list(folder.glob("*/*.damaged"))) == 1
    assert isinstance(store.append(batch(1)), Appended)


def test_record_that_no_reader_would_take_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "PAYLOAD_BYTES_MAX", 50)
    store = opened(folder)
    refused = store.append(batch(0))
    assert isinstance(refused, SpoolBroken)
    assert refused.reason.startswith("cannot spool 1 rows at once: ")
    assert segments(folder) == []


# Disks that refuse


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, SpoolFull),
        (errno.EDQUOT, SpoolFull),
        (errno.EIO, SpoolBroken),
        (errno.EFBIG, SpoolBroken),
        (errno.EROFS, SpoolBroken),
    ],
)
def test_refusing_disk_is_a_value_and_passes(
    folder: Path, number: int, kind: type[SpoolFull] | type[SpoolBroken]
) -> None:
    store = opened(folder)
    store.append(batch(0))
    expected = kind(f"cannot spool 1 rows: {os.strerror(number)}")
    with failing_write(number, after_bytes=10):
        assert store.append(batch(1)) == expected
    with failing("fdatasync", number):
        assert store.append(batch(2)) == expected
    assert store.pending_rows == 1
    assert isinstance(store.append(batch(3)), Appended)
    assert deliver(store) == numbered(0, 3)


def test_spool_that_could_not_be_opened_is_made_when_it_can_be(folder: Path) -> None:
    (folder / "file").write_text("")
    store = new_store(folder / "file")
    refused = store.open()
    assert refused == (
        f"cannot use the spool directory {folder / 'file' / SPEC.name}: Not a directory;"
        " make it writable, or change meter_usage.spool.dir"
    )
    assert store.append(batch(0)) == SpoolBroken("cannot spool 1 rows: Not a directory")
    assert store.oldest() is None
    assert not store.adopt()
    (folder / "file").unlink()
    assert isinstance(store.append(batch(0)), Appended)
    assert deliver(store) == numbered(0)


def test_backlog_drains_where_nothing_can_be_added(folder: Path) -> None:
    """On a full disk, delivery is what makes room."""
    fill(folder, 2)
    store = new_store(folder)
    with failing("fdatasync", errno.ENOSPC):
        refused = store.open()
        assert refused is not None
        assert "No space left on device" in refused
        assert store.pending_rows == 2
        assert isinstance(store.append(batch(5)), SpoolFull)
    assert deliver(store) == numbered(0, 1)
    assert isinstance(store.append(batch(6)), Appended)


def test_directory_that_was_removed_under_a_spool_is_no_silent_loss(folder: Path) -> None:
    store = opened(folder)
    store.append(batch(0))
    shutil.rmtree(folder / SPEC.name)
    assert isinstance(store.append(batch(1)), SpoolBroken)
