"""What leaves QuestDB is in the archive, and nothing else leaves it."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest
from tests.unit.archive.archive_rig import DAY, ArchiveRig, reading

from utility_ts_analytics.archive import drop
from utility_ts_analytics.archive.drop import nothing_before_drop
from utility_ts_analytics.archive.state import read_state, touched_days

SECOND, THIRD = DAY + timedelta(days=1), DAY + timedelta(days=2)


def days_in_questdb(rig: ArchiveRig) -> int:
    rig.questdb.wait_applied("meter_usage")
    rig.questdb.wait_applied("meter_usage")
    return len(rig.questdb.query("SELECT ts, count() FROM meter_usage SAMPLE BY 1d"))


def three_days(rig: ArchiveRig) -> None:
    rig.write(*(reading("a", day + 1, day=day) for day in range(3)))


def test_archived_partitions_before_the_day_are_dropped(rig: ArchiveRig) -> None:
    three_days(rig)
    rig.update()
    report = rig.drop_before(THIRD)
    assert report.dropped == ["meter_usage 2024-03-01", "meter_usage 2024-03-02"]
    assert (report.days, report.rows, report.refused, report.in_doubt) == (2, 2, [], [])
    rig.questdb.wait_applied("meter_usage")
    assert rig.questdb.query("SELECT kwh FROM meter_usage") == [(3.0,)]
    assert set(read_state(rig.root, "meter_usage", "main").dropped) == {DAY, SECOND}
    verified = rig.verify()
    assert (verified.archive_only, verified.equal, verified.differences) == (2, 1, [])
    assert rig.update().written == 0


def test_what_is_missing_differs_or_is_damaged_is_refused(rig: ArchiveRig) -> None:
    rig.write(reading("a", 1), reading("a", 2, day=1))
    rig.update()
    rig.write(reading("a", 1.5), reading("a", 3, day=2))
    rig.path(SECOND).write_bytes(b"PAR1")
    report = rig.drop_before(THIRD + timedelta(days=1))
    assert report.dropped == []
    differs, damaged, missing = report.refused
    assert "with other values" in differs
    assert "move it away" in damaged
    assert "is not archived" in missing
    assert days_in_questdb(rig) == 3


def test_day_that_is_not_final_is_refused(rig: ArchiveRig) -> None:
    today = datetime.now(tz=UTC).date()
    rig.write(reading("a", 1, day=(today - DAY).days))
    rig.update()
    report = rig.drop_before(today + timedelta(days=1))
    assert report.dropped == []
    assert "not final" in report.refused[0]


def test_event_ids_of_clients_are_not_dropped_unless_they_are_archived(rig: ArchiveRig) -> None:
    rig.write(reading("a", 1, more=',event_id="0f0f0f0f-0000-4000-8000-000000000001"'))
    rig.update()
    report = rig.drop_before(SECOND)
    assert "archive.event_ids = true" in report.refused[0]
    with_ids = ArchiveRig(rig.questdb, rig.root, event_ids=True)
    with_ids.update()
    assert with_ids.drop_before(SECOND).dropped == ["meter_usage 2024-03-01"]


def test_row_that_comes_between_comparing_and_dropping_stops_the_drop(
    rig: ArchiveRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    three_days(rig)
    rig.update()
    record = drop._record

    def late_row(*arguments: object) -> None:
        record(*arguments)  # type: ignore[arg-type]  # handed on as they came
        rig.write(reading("late", 9))

    monkeypatch.setattr(drop, "_record", late_row)
    report = rig.drop_before(SECOND)
    assert report.dropped == []
    assert "others write to the table" in report.refused[0]
    assert ("late", 9.0) in rig.questdb.query("SELECT meter_id, kwh FROM meter_usage")


def test_killed_between_record_and_drop_nothing_is_lost(
    rig: ArchiveRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    three_days(rig)
    rig.update()
    with monkeypatch.context() as patched:
        patched.setattr(drop, "touched_days", _killed_at_the_second_look())
        with pytest.raises(KeyboardInterrupt):
            rig.drop_before(SECOND)
    assert days_in_questdb(rig) == 3
    rig.write(reading("b", 4))
    rig.update()
    assert rig.rows() == [("a", 1.0), ("b", 4.0)]
    assert rig.verify().differences == []


def _killed_at_the_second_look() -> object:
    real, looks = touched_days, []

    async def look(*arguments: object) -> object:
        looks.append(arguments)
        if len(looks) == 2:
            raise KeyboardInterrupt
        return await real(*arguments)  # type: ignore[arg-type]  # handed on as they came

    return look


def test_month_is_dropped_only_as_a_whole(rig: ArchiveRig) -> None:
    assert drop._end_of("2024") == date(2025, 1, 1)
    assert drop._end_of("2024-12") == date(2025, 1, 1)
    assert drop._end_of("2024-02") == date(2024, 3, 1)
    assert drop._end_of("2024-02-29") == date(2024, 3, 1)


NOON = datetime(2024, 3, 1, 12)


@pytest.mark.parametrize(
    ("rows", "nothing"),
    [
        ([(8, None, None, -1)], True),
        ([(8, datetime(2024, 3, 9), datetime(2024, 3, 9), 0), (9, None, None, -1)], True),
        ([(8, NOON, NOON, 0), (9, None, None, -1)], False),
        ([(8, None, None, 0), (9, None, None, 0)], False),
        ([], False),
    ],
)
def test_transactions_tell_whether_rows_came_before_the_drop(
    rows: list[tuple[object, ...]], nothing: bool
) -> None:
    assert nothing_before_drop(rows, [DAY]) is nothing


def test_no_partition_no_drop(rig: ArchiveRig) -> None:
    assert asyncio.run(drop.drop_before(rig.job, DAY)).dropped == []
