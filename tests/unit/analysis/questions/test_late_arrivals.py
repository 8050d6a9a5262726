"""Lateness as QuestDB's log of commits knows it, of rows that were really posted late."""

import time
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.conftest import TestQuestDB
from tests.unit.analysis.logging_questdb import LoggingQuestDB
from tests.unit.analysis.questions.question_rig import Row, ask

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.queries.time_range import TimeRange

CLASSES = ["< 15 min", "< 1 h", "< 1 d", "< 7 d", ">= 7 d", "unknown"]
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def post(server: TestQuestDB, *late: timedelta) -> datetime:
    """Post one request, which is one commit, with a row so much after its interval's end each."""
    now = datetime.now(UTC)
    starts = [now - lateness - 15 * MINUTE for lateness in late]
    lines = "".join(
        f"meter_usage,meter_id=m-{i} kwh=1 {int(ts.timestamp() * 1e6)}000\n"
        for i, ts in enumerate(starts)
    )
    with urllib.request.urlopen(f"http://{server.http_addr}/write", lines.encode(), timeout=30):
        pass
    server.wait_applied("meter_usage")
    return now


def since(start: datetime) -> TimeRange:
    return TimeRange(start, start + HOUR)


def arrivals(server: TestQuestDB, period: TimeRange, interval_minutes: int = 15) -> list[Row]:
    return ask(
        server,
        "late_arrivals",
        period,
        *("lateness", "commits", "rows_sent", "commits_possible", "rows_possible"),
        *("rows_sent_pct", "rows_possible_pct", "first_commit", "last_commit"),
        interval_minutes=interval_minutes,
    )


def answer(server: TestQuestDB, start: datetime) -> dict[str, tuple[object, ...]]:
    """Class -> commits and rows certainly in it, commits and rows possibly in it."""
    rows = arrivals(server, since(start))
    assert [row[0] for row in rows] == CLASSES
    return {str(row[0]): row[1:5] for row in rows}


@pytest.mark.questdb
def test_each_commit_falls_into_the_class_of_its_lateness(logging_questdb: TestQuestDB) -> None:
    """Bounds are put to the test a minute off either side; one post comes early."""
    start = datetime.now(UTC)
    for lateness in (
        -5 * MINUTE,
        MINUTE,
        14 * MINUTE,
        16 * MINUTE,
        59 * MINUTE,
        61 * MINUTE,
        DAY - MINUTE,
        DAY + MINUTE,
        7 * DAY - MINUTE,
        7 * DAY + MINUTE,
        400 * DAY,
    ):
        post(logging_questdb, lateness, lateness + timedelta(seconds=1))

    assert answer(logging_questdb, start) == {
        "< 15 min": (3, 6, 3, 6),
        "< 1 h": (2, 4, 2, 4),
        "< 1 d": (2, 4, 2, 4),
        "< 7 d": (2, 4, 2, 4),
        ">= 7 d": (2, 4, 2, 4),
        "unknown": (0, None, 0, None),
    }


@pytest.mark.questdb
def test_commit_that_spans_classes_is_possible_in_each(logging_questdb: TestQuestDB) -> None:
    start = datetime.now(UTC)
    post(logging_questdb, MINUTE)
    post(logging_questdb, 20 * MINUTE, 2 * HOUR, 2 * DAY)

    assert answer(logging_questdb, start) == {
        "< 15 min": (1, 1, 1, 1),
        "< 1 h": (0, 0, 1, 3),
        "< 1 d": (0, 0, 1, 3),
        "< 7 d": (0, 0, 1, 3),
        ">= 7 d": (0, 0, 0, 0),
        "unknown": (0, None, 0, None),
    }
    rows = arrivals(logging_questdb, since(start))
    assert [row[5:7] for row in rows[:3]] == [(25.0, 25.0), (0.0, 75.0), (0.0, 75.0)]
    assert all(start <= first <= last for *_, first, last in rows)


@pytest.mark.questdb
def test_longer_interval_ends_later(logging_questdb: TestQuestDB) -> None:
    """50 minutes after the end of a quarter is 5 minutes after the end of that hour."""
    start = datetime.now(UTC)
    post(logging_questdb, 50 * MINUTE)

    hourly = arrivals(logging_questdb, since(start), interval_minutes=60)
    assert [row[2] for row in hourly] == [1, 0, 0, 0, 0, None]
    assert answer(logging_questdb, start)["< 1 h"] == (1, 1, 1, 1)


@pytest.mark.questdb
def test_reading_that_is_posted_again_is_late_again(logging_questdb: TestQuestDB) -> None:
    start = datetime.now(UTC)
    now = post(logging_questdb, 2 * HOUR)
    again = int((now - 2 * HOUR - 15 * MINUTE).timestamp() * 1e6)
    line = f"meter_usage,meter_id=m-0 kwh=1 {again}000\n".encode()
    with urllib.request.urlopen(f"http://{logging_questdb.http_addr}/write", line, timeout=30):
        pass
    logging_questdb.wait_applied("meter_usage")

    assert answer(logging_questdb, start)["< 1 d"] == (2, 2, 2, 2)


@pytest.mark.questdb
def test_changes_of_the_table_are_no_arrivals(logging_questdb: TestQuestDB) -> None:
    """Neither is anything where nothing was committed: each class is there, empty."""
    start = datetime.now(UTC)
    logging_questdb.truncate("meter_usage")

    rows = arrivals(logging_questdb, since(start))
    assert [row[1:] for row in rows] == [
        *[(0, 0, 0, 0, None, None, None, None)] * 5,
        (0, None, 0, None, None, None, None, None),
    ]


@pytest.mark.questdb
def test_table_of_a_server_without_the_setting_knows_only_that_there_were_commits(
    questdb: TestQuestDB,
) -> None:
    start = datetime.now(UTC)
    post(questdb, 2 * HOUR)

    found = answer(questdb, start)
    assert found.pop("unknown") == (1, None, 1, None)
    assert set(found.values()) == {(0, 0, 0, 0)}


def purged(server: TestQuestDB, start: datetime) -> bool:
    """Tell whether the commits of a minute's lateness are gone; no while QuestDB is at it."""
    try:
        return answer(server, start)["< 15 min"] == (0, 0, 0, 0)
    except OperatorError as error:
        if "file does not exist" not in str(error):
            raise
        return False


@pytest.mark.questdb
def test_history_survives_a_restart_and_ends_with_the_purge(tmp_path: Path) -> None:
    """A part of the log that is full and applied goes; the one being written stays."""
    server = LoggingQuestDB(tmp_path / "questdb", 4)
    server.start()
    try:
        start = datetime.now(UTC)
        for _ in range(3):
            post(server, MINUTE)
        server.stop()
        server.start()
        assert answer(server, start)["< 15 min"] == (3, 3, 3, 3)

        for _ in range(6):
            post(server, 2 * DAY)
        give_up_at_s = time.monotonic() + 30
        while not purged(server, start):
            assert time.monotonic() < give_up_at_s, "nothing was purged"
        found = answer(server, start)["< 7 d"][0]
        assert isinstance(found, int)
        assert found >= 1, "the part that is being written was purged too"
        (first,) = {row[7] for row in arrivals(server, TimeRange(start - HOUR, start + HOUR))}
        assert isinstance(first, datetime)
        assert first > start
    finally:
        server.stop()
