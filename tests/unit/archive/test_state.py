"""What transactions tell of days, and when they tell nothing."""

import asyncio
from dataclasses import replace
from datetime import date, datetime

import pytest
from tests.conftest import TestQuestDB
from tests.unit.archive.archive_rig import ArchiveRig, reading

from utility_ts_analytics.archive.state import (
    Moment,
    _days,
    changed_since,
    read_moment,
    read_state,
    touched_days,
)
from utility_ts_analytics.database.pool import connected
from utility_ts_analytics.errors import OperatorError


def moment(questdb: TestQuestDB) -> Moment:
    async def read() -> Moment:
        async with connected(questdb.pg_uri) as connection:
            return await read_moment(connection, "meter_usage")

    return asyncio.run(read())


def touched(questdb: TestQuestDB, since: Moment) -> frozenset[date] | None:
    async def read() -> frozenset[date] | None:
        async with connected(questdb.pg_uri) as connection:
            now = await read_moment(connection, "meter_usage")
            return await touched_days(connection, "meter_usage", since, now)

    return asyncio.run(read())


def test_nothing_committed_touches_nothing(rig: ArchiveRig, questdb: TestQuestDB) -> None:
    rig.write(reading("a", 1))
    seen = moment(questdb)
    assert seen.committed_at
    assert touched(questdb, seen) == frozenset()


def test_another_history_or_table_tells_nothing(rig: ArchiveRig, questdb: TestQuestDB) -> None:
    rig.write(reading("a", 1))
    seen = moment(questdb)
    for other in (
        replace(seen, directory="meter_usage~9999"),
        replace(seen, txn=seen.txn + 1),
        replace(seen, committed_at="2020-01-01T00:00:00+00:00"),
        replace(seen, committed_at=""),
        replace(seen, txn=seen.txn - 1, committed_at=seen.committed_at),
    ):
        assert touched(questdb, other) is None


def test_transaction_without_times_tells_nothing(rig: ArchiveRig, questdb: TestQuestDB) -> None:
    seen = moment(questdb)
    rig.write(reading("a", 1))
    assert touched(questdb, seen) is None


MORNING, EVENING = datetime(2024, 3, 1, 1), datetime(2024, 3, 3, 23)


@pytest.mark.parametrize(
    ("rows", "days"),
    [
        ([(8, MORNING, MORNING)], {1}),
        ([(8, MORNING, EVENING), (9, MORNING, MORNING)], {1, 2, 3}),
        ([], None),
        ([(9, MORNING, MORNING)], None),  # 8 was purged
        ([(8, MORNING, MORNING), (9, None, None)], None),  # UPDATE, ALTER, TRUNCATE
        ([(8, MORNING, datetime(2099, 1, 1))], None),
    ],
)
def test_days_of_transactions_are_known_only_without_gaps(
    rows: list[tuple[object, ...]], days: set[int] | None
) -> None:
    wanted = None if days is None else {date(2024, 3, day) for day in days}
    upto = 7 + max(len(rows), 1)
    assert _days(rows, 7, upto) == wanted


def test_missing_table_is_told(questdb: TestQuestDB) -> None:
    async def read() -> None:
        async with connected(questdb.pg_uri) as connection:
            await read_moment(connection, "no_such_table")

    with pytest.raises(OperatorError, match="no such table; run ingestion-service schema apply"):
        asyncio.run(read())


def changed(rig: ArchiveRig) -> frozenset[date] | None:
    async def read() -> frozenset[date] | None:
        async with connected(rig.job.pg_uri) as connection:
            return await changed_since(connection, rig.root, "meter_usage")

    return asyncio.run(read())


def test_changed_since_is_none_before_a_pass_and_empty_after_it(rig: ArchiveRig) -> None:
    rig.write(reading("a", 1))
    assert changed(rig) is None
    rig.update()
    assert changed(rig) == frozenset()
    rig.write(reading("a", 2))
    assert changed(rig) is None  # this QuestDB does not tell which day it was


def test_unreadable_state_is_no_state(rig: ArchiveRig) -> None:
    rig.write(reading("a", 1))
    rig.update()
    path = rig.root / "meter_usage" / ".main.state.json"
    assert read_state(rig.root, "meter_usage", "main").moment is not None
    path.write_text("{half")
    assert read_state(rig.root, "meter_usage", "main").moment is None
    assert changed(rig) is None
