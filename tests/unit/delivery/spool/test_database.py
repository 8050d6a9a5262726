"""Records come out in the order in which they went in, once each, within their bounds."""

from pathlib import Path

import pytest
from tests.small_disk import mounted
from tests.unit.delivery.spool.spool_rig import (
    ORIGIN,
    Store,
    batch,
    change,
    database_of,
    numbered,
    opened,
)

from utility_ts_analytics.delivery.spool import SpoolBroken, SpoolFull


def test_records_come_out_in_order_and_once(tmp_path: Path) -> None:
    store = opened(tmp_path)
    for number in range(3):
        store.add(number, 2)
    first = store.oldest()
    assert first is not None
    assert store.oldest() == first, "the same until it is removed"
    assert first.origin == ORIGIN
    assert store.rows == 6
    assert store.deliver() == [[f"{n}.0", f"{n}.1"] for n in range(3)]
    assert (store.rows, store.oldest()) == (0, None)
    store.close()


def test_two_who_append_share_one_order_and_one_count(tmp_path: Path) -> None:
    first, second = opened(tmp_path), opened(tmp_path)
    for number in range(6):
        (first, second)[number % 2].add(number)
    second.count()
    assert second.rows == 6
    assert first.deliver() == numbered(*range(6))
    second.count()
    assert second.rows == 0
    first.close()
    second.close()


def test_what_was_not_delivered_is_there_after_a_new_start(tmp_path: Path) -> None:
    store = opened(tmp_path)
    for number in range(4):
        store.add(number)
    oldest = store.oldest()
    assert oldest is not None
    store.remove(oldest.number)
    store.close()
    again = opened(tmp_path)
    assert again.rows == 3
    assert again.deliver() == numbered(1, 2, 3)
    again.close()


def test_one_delivers_until_it_is_closed(tmp_path: Path) -> None:
    first, second = opened(tmp_path), opened(tmp_path)
    assert first.try_to_deliver()
    assert first.try_to_deliver()
    assert not second.try_to_deliver()
    first.close()
    assert second.try_to_deliver()
    second.close()


def test_full_takes_nothing_and_has_room_after_a_delivery(tmp_path: Path) -> None:
    store = opened(tmp_path, max_bytes=200_000)
    number = 0
    while not isinstance(result := store.append(batch(number, 100), ORIGIN), SpoolFull):
        number += 1
    assert "max_bytes" in result.reason
    assert number > 5
    assert database_of(tmp_path).stat().st_size <= 200_000
    taken = store.deliver()
    assert len(taken) == number
    store.add(99)
    assert store.deliver() == numbered(99)
    store.close()


def test_space_goes_back_to_the_disk_when_all_is_delivered(tmp_path: Path) -> None:
    store = opened(tmp_path)
    for number in range(20):
        store.add(number, 1_000)
    grown_bytes = database_of(tmp_path).stat().st_size
    store.deliver()
    assert grown_bytes > 1_000_000
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 100_000
    store.close()


def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    store = opened(tmp_path / "spool")
    assert store.try_to_deliver()
    store.add(0)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "spool").iterdir()}
    assert len(modes) == 5
    assert set(modes.values()) == {0o600}
    assert (tmp_path / "spool").stat().st_mode & 0o777 == 0o700
    store.close()


def test_each_commit_is_synced(tmp_path: Path) -> None:
    store = opened(tmp_path)
    with store._shared.turn() as connection:
        settings = {
            name: connection.execute(f"pragma {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "auto_vacuum")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "auto_vacuum": 2}
    store.close()


def test_records_of_earlier_services_are_taken_into_the_books_once(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.add(0, 3)
    store.append(batch(1, 2), 18)
    assert store.adopt(known=lambda origin: origin == 18, heir=99) == 3
    assert store.adopt(known=lambda origin: origin in (18, 99), heir=99) == 0
    origins = []
    while (record := store.oldest()) is not None:
        origins.append(record.origin)
        store.remove(record.number)
    assert origins == [99, 18]
    store.close()


def test_folder_that_cannot_be_used_is_a_sentence_with_the_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = Store(tmp_path / "file")
    reason = store.open()
    assert reason is not None
    assert "meter_usage.spool.dir" in reason
    assert isinstance(store.append(batch(0), ORIGIN), SpoolBroken)
    store.close()


def test_folder_that_comes_back_is_used_again(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    folder.touch()
    store = Store(folder)
    assert store.open() is not None
    folder.unlink()
    store.add(1)
    assert store.deliver() == numbered(1)
    store.close()


def test_disk_that_is_full_takes_nothing_and_lets_everything_out(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "2m") as disk:
        store = opened(disk)
        count = 0
        while not isinstance(result := store.append(batch(count, 500), ORIGIN), SpoolFull):
            count += 1
        assert "disk is full" in result.reason
        assert count > 2
        # Somebody else takes the rest of the disk.
        with pytest.raises(OSError, match="No space"):
            (disk / "other").write_bytes(bytes(2**21))
        assert len(store.deliver()) == count
        (disk / "other").unlink()
        store.add(7)
        assert store.deliver() == numbered(7)
        store.close()


def test_rows_of_version_0_1_are_named_and_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    segment = tmp_path / "meter_usage" / "17-abc" / "0000000001.spool"
    segment.parent.mkdir(parents=True)
    segment.write_bytes(b"rows")
    store = opened(tmp_path)
    assert str(segment) in capsys.readouterr().out
    assert segment.read_bytes() == b"rows"
    store.close()


def test_database_that_is_deleted_is_noticed(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.add(0, 5)
    database_of(tmp_path).unlink()
    store.add(1)
    assert store.lost_rows == 5
    assert store.deliver() == numbered(1)
    store.close()


def test_record_of_another_version_is_set_aside_and_counted(tmp_path: Path) -> None:
    store = opened(tmp_path)
    for number in range(3):
        store.add(number)
    change(
        tmp_path,
        "update parts set lines = x'7b7d0a' where number = (select min(number) + 1 from parts)",
    )
    assert store.deliver() == numbered(0, 2)
    assert (store.lost_rows, store.rows) == (1, 0)
    [aside] = tmp_path.glob("meter_usage-*.damaged")
    assert aside.read_bytes() == b"{}\n"
    assert aside.stat().st_mode & 0o777 == 0o600
    store.close()
