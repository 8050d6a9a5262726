"""What a range of time keeps, refuses and writes into SQL."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utility_ts_analytics.queries.literals import quote_timestamp
from utility_ts_analytics.queries.time_range import TimeRange

START = datetime(2026, 3, 1, tzinfo=UTC)


class Database(Protocol):
    """What these tests ask of the `questdb` fixture."""

    def query(self, sql: str) -> Sequence[Sequence[object]]: ...


def test_range_is_kept_in_utc() -> None:
    berlin = ZoneInfo("Europe/Berlin")

    kept = TimeRange(
        datetime(2026, 7, 1, tzinfo=berlin), datetime(2026, 7, 1, 2, 30, tzinfo=berlin)
    )

    assert kept == TimeRange(
        datetime(2026, 6, 30, 22, tzinfo=UTC), datetime(2026, 7, 1, 0, 30, tzinfo=UTC)
    )


def test_range_over_the_repeated_autumn_hour_lasts_an_hour() -> None:
    once = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))

    kept = TimeRange(once, once.replace(fold=1))

    assert kept.end - kept.start == timedelta(hours=1)


@pytest.mark.parametrize("length", [timedelta(0), timedelta(microseconds=-1)])
def test_range_that_does_not_end_later_is_refused(length: timedelta) -> None:
    with pytest.raises(ValueError, match="end later than it starts"):
        TimeRange(START, START + length)


def test_range_with_a_naive_time_is_refused() -> None:
    naive = START.replace(tzinfo=None)

    with pytest.raises(ValueError, match="no time zone"):
        TimeRange(naive, START + timedelta(days=1))
    with pytest.raises(ValueError, match="no time zone"):
        TimeRange(START, naive + timedelta(days=1))


def test_condition_includes_the_start_and_not_the_end() -> None:
    one_hour = TimeRange(START, START + timedelta(hours=1))

    assert one_hour.covers_sql("mu.ts") == (
        "mu.ts >= '2026-03-01T00:00:00.000000Z' AND mu.ts < '2026-03-01T01:00:00.000000Z'"
    )


TEXTS = [
    ("2024-01-01", "2024-01-01T00:00:00Z"),
    ("2024-01-01T06:30", "2024-01-01T06:30:00Z"),
    ("2024-01-01 06:30:15", "2024-01-01T06:30:15Z"),
    ("2024-01-01T06:30:15Z", "2024-01-01T06:30:15Z"),
    ("2024-01-01T06:30:15.5Z", "2024-01-01T06:30:15.500000Z"),
    ("2024-01-01T06:30:15.123456", "2024-01-01T06:30:15.123456Z"),
    ("2024-01-01T06:30:15+01:00", "2024-01-01T05:30:15Z"),
    ("2024-01-01 06:30:15.25-03:30", "2024-01-01T10:00:15.250000Z"),
]
"""As given, and what they mean."""
REWRITTEN = [
    ("2024-01-01T06:30Z", "2024-01-01T06:30:00.000000Z"),
    ("2024-01-01t06:30:00z", "2024-01-01T06:30:00.000000Z"),
    ("20240101T063000Z", "2024-01-01T06:30:00.000000Z"),
    ("2024-01-01T06:30:00+0100", "2024-01-01T05:30:00.000000Z"),
    ("2024-W01-1", "2024-01-01T00:00:00.000000Z"),
    ("2024-01-01T06:30:00,5Z", "2024-01-01T06:30:00.500000Z"),
    ("2024-01-01T06:30:00.1234567Z", "2024-01-01T06:30:00.123456Z"),
]
"""Not for QuestDB to read, and how they are written for it."""


@pytest.mark.parametrize(("text", "meant"), TEXTS)
def test_text_stands_in_the_condition_as_given(text: str, meant: str) -> None:
    kept = TimeRange(text, "2024-02-01")

    assert kept.start == datetime.fromisoformat(meant)
    assert kept.covers_sql("ts") == f"ts >= '{text}' AND ts < '2024-02-01'"
    assert TimeRange("2023-01-01T00:00:00Z", text).covers_sql("ts").endswith(f"ts < '{text}'")


@pytest.mark.parametrize(("text", "written"), REWRITTEN)
def test_text_that_questdb_cannot_read_is_written_in_utc(text: str, written: str) -> None:
    kept = TimeRange(text, "2024-02-01")

    assert kept.start == datetime.fromisoformat(written)
    assert kept.covers_sql("ts").startswith(f"ts >= '{written}' AND")


@pytest.mark.questdb
@pytest.mark.parametrize("text", [text for text, _ in TEXTS + REWRITTEN])
def test_text_means_the_same_to_questdb(text: str, questdb: Database) -> None:
    """Of rows a microsecond before, at and after a bound, as the start and as the end."""
    at = TimeRange(text, "2025-01-01").start
    span = timedelta(hours=1)
    values = ", ".join(f"({quote_timestamp(at + timedelta(microseconds=n))})" for n in (-1, 0, 1))
    table = "(SELECT ts FROM time_range_bounds)"
    questdb.query("DROP TABLE IF EXISTS time_range_bounds")
    questdb.query("CREATE TABLE time_range_bounds (ts TIMESTAMP) TIMESTAMP(ts)")
    questdb.query(f"INSERT INTO time_range_bounds VALUES {values}")

    def found(time_range: TimeRange) -> int:
        return int(
            str(
                questdb.query(f"SELECT count() FROM {table} WHERE {time_range.covers_sql('ts')}")[
                    0
                ][0]
            )
        )

    assert found(TimeRange(text, at + span)) == 2
    assert found(TimeRange(at - span, text)) == 1
    questdb.query("DROP TABLE time_range_bounds")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "monday",
        "2024-13-01",
        "2024-01-01T24:00:01Z",
        "2024-01-01'T00:00:00Z",
        "2024-01-01'00:00:00",
        "2024-01-01T00:00:00Z' OR 1=1 --",
        "2024-01-01\n",
        " 2024-01-01",
        "2024-01-01T00:00:00Z\x00",
        "\u0662024-01-01",
    ],
)
def test_text_that_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"it is no ISO 8601 time such as"):
        TimeRange(text, "2025-01-01")
    with pytest.raises(ValueError, match=r"it is no ISO 8601 time such as"):
        TimeRange("2020-01-01", text)


@given(st.text() | st.datetimes().map(datetime.isoformat))
def test_no_text_gets_out_of_its_literal(text: str) -> None:
    try:
        sql = TimeRange("0001-01-01", text).covers_sql("ts")
    except ValueError:
        return
    assert re.fullmatch(r"ts >= '[0-9-]+' AND ts < '[0-9T:.Z +-]+'", sql)


def test_ranges_are_compared_by_their_instants() -> None:
    day = TimeRange("2024-01-01", "2024-01-02T01:00:00+01:00")

    assert day == TimeRange(datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC))
    assert hash(day) == hash(TimeRange("2024-01-01T00:00:00Z", "2024-01-02"))
    assert replace(day, end=START).end == START
    assert repr(day) == repr(TimeRange("2024-01-01T00:00:00Z", "2024-01-02"))
