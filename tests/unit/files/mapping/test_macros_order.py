"""The repeated hour by the order of rows, and states of registers as energy."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.files.mapping.macro_rig import connection, rows, texts

Reading = tuple[str, datetime | None]


def by_order(
    readings: Sequence[tuple[str, datetime]], zone: str, numbered: bool = True
) -> list[tuple[str, datetime | None]]:
    """Return key and instant of each reading, given as key and local time in the file's order."""
    found = rows(
        "WITH file AS (SELECT * FROM (SELECT unnest(range(len($keys))) AS rec,"
        " unnest($keys) AS key, unnest($walls::TIMESTAMP[]) AS local))"
        f", used AS (SELECT {'*' if numbered else '* EXCLUDE (rec)'} FROM file)"
        " SELECT key, timezone('UTC', ts) FROM by_order(used, $zone)",
        {
            "keys": [key for key, _ in readings],
            "walls": [wall for _, wall in readings],
            "zone": zone,
        },
    )
    return [(key, None if ts is None else ts.replace(tzinfo=UTC)) for key, ts in found]


CHANGES = [
    ("Europe/Berlin", datetime(2024, 10, 27, 1, tzinfo=UTC)),
    ("America/Chicago", datetime(2024, 11, 3, 7, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2024, 4, 6, 15, tzinfo=UTC)),
    ("Antarctica/Troll", datetime(2024, 10, 27, 1, tzinfo=UTC)),
    ("America/Havana", datetime(2024, 11, 3, 5, tzinfo=UTC)),
]


@given(
    st.sampled_from(CHANGES),
    st.sampled_from([5, 15, 30, 60]),
    st.sampled_from(["oldest first", "newest first", "each its way"]),
    st.sampled_from(["by meter", "by time"]),
    st.booleans(),
    st.integers(3, 30),
    st.integers(3, 30),
)
@settings(max_examples=60, deadline=None)
def test_whole_nights_are_told_in_either_direction(
    change: tuple[str, datetime],
    minutes: int,
    direction: str,
    mixed: str,
    numbered: bool,
    before: int,
    after: int,
) -> None:
    zone, moment = change
    hours = range(-before * 60, after * 60, minutes)
    instants = [moment + timedelta(minutes=m) for m in hours]
    if minutes == 60 and zone == "Australia/Lord_Howe":
        return  # half an hour comes twice, but no hour
    backward = {"oldest first": "", "newest first": "AB", "each its way": "A"}[direction]
    of_key = {
        key: [(key, i) for i in (instants[::-1] if key in backward else instants)] for key in "AB"
    }
    if mixed == "by meter":
        file = of_key["A"] + of_key["B"]
    else:
        file = [reading for pair in zip(*of_key.values(), strict=True) for reading in pair]
    local = [(k, i.astimezone(ZoneInfo(zone)).replace(tzinfo=None)) for k, i in file]
    assert by_order(local, zone, numbered) == file


DAY = "2024-10-27"
UNTOLD = {
    "one pass alone": ["01:30", "02:00", "02:30", "03:00"],
    "a single reading": ["02:00"],
    "two of the same and nothing else": ["02:00", "02:00"],
    "three passes": ["01:00", "02:00", "02:00", "02:00", "03:00"],
    "rows that stand twice": ["01:00", "01:00", "02:00", "02:00", "03:00", "03:00"],
    "pairs of both passes": ["01:30", "02:00", "02:00", "02:30", "02:30", "03:00"],
    "fits both directions": ["02:00", "02:30", "02:00"],
}


@pytest.mark.parametrize("times", UNTOLD.values(), ids=UNTOLD.keys())
def test_what_order_does_not_tell_is_null(times: list[str]) -> None:
    local = [("A", datetime.fromisoformat(f"{DAY} {time}")) for time in times]
    for file in local, local[::-1]:
        for (_, wall), (_, ts) in zip(file, by_order(file, "Europe/Berlin"), strict=True):
            assert (ts is None) == (wall.hour == 2)


def hours(times: Sequence[str], key: str = "A") -> list[tuple[str, datetime]]:
    return [(key, datetime.fromisoformat(f"{DAY} {time}")) for time in times]


def shown(file: Sequence[tuple[str, datetime]]) -> list[str]:
    return [f"{ts:%H:%M}" if ts else "-" for _, ts in by_order(file, "Europe/Berlin")]


def test_a_key_without_other_rows_follows_the_file() -> None:
    file = hours(["02:00", "02:00"], "B") + hours(["00:00", "01:00", "02:00", "02:00", "03:00"])
    assert shown(file)[:2] == ["00:00", "01:00"]
    assert shown(file[::-1])[-2:] == ["01:00", "00:00"]


def test_an_incomplete_night_is_told_where_the_clock_goes_back() -> None:
    assert shown(hours(["01:30", "02:30", "02:00", "02:30"])) == [
        "23:30",
        "00:30",
        "01:00",
        "01:30",
    ]
    assert shown(hours(["02:30", "02:00", "02:30", "02:00"])) == [
        "01:30",
        "01:00",
        "00:30",
        "00:00",
    ]


def test_a_file_twice_over_is_told_twice() -> None:
    night = hours(["01:00", "02:00", "02:00", "03:00"])
    assert shown(night * 2) == ["23:00", "00:00", "01:00", "02:00"] * 2


def test_what_is_missing_or_unread_is_null_and_disturbs_nothing() -> None:
    query = f"""
        WITH file(rec, key, local) AS (VALUES
            (1, 'A', TIMESTAMP '{DAY} 01:00'), (2, 'A', NULL), (3, 'A', TIMESTAMP '{DAY} 02:00'),
            (4, NULL, TIMESTAMP '{DAY} 02:00'), (5, 'A', TIMESTAMP '{DAY} 02:00'),
            (6, 'A', TIMESTAMP '2024-03-31 02:30'))
        SELECT rec, ts FROM by_order(file, 'Europe/Berlin')"""
    assert texts(query) == [
        "1 | 2024-10-26 23:00:00+00",
        "2 | NULL",
        "3 | 2024-10-27 00:00:00+00",
        "4 | NULL",
        "5 | 2024-10-27 01:00:00+00",
        "6 | NULL",
    ]


def test_a_column_ts_of_the_file_gives_way_and_names_may_be_texts() -> None:
    query = "SELECT * FROM by_order('file', zone := 'Europe/Berlin')"
    made = connection().cursor()
    made.execute(
        "CREATE TEMP TABLE file AS SELECT 'x' AS ts, 'A' AS key, DATE '2024-07-01' AS local"
    )
    found = made.execute(query)
    assert [name for name, *_ in found.description or []] == ["key", "local", "ts"]


STATES: list[tuple[Any, ...]] = [
    # minutes, state, used, why
    (0, "10526.033", None, "first state"),
    (15, "10526.283", "0.25", None),
    (30, "10526.5", "0.217", None),
    (300, "10530", None, "gap"),
    (315, "10529.9", None, "went back"),
    (330, "99999.5", "89469.6", None),
    (345, "1.25", "1.75", None),
    (345, "1.25", None, "same time"),
]


@pytest.mark.parametrize("macro", ["differences", "differences_sorted"])
@pytest.mark.parametrize("longest", ["60", "'60'", "INTERVAL 1 HOUR"])
@pytest.mark.parametrize("kind", ["VARCHAR", "DOUBLE", "DECIMAL(20, 3)"])
def test_states_become_exact_differences(macro: str, longest: str, kind: str) -> None:
    values = ", ".join(
        f"({n}, '{key}', TIMESTAMPTZ '2024-07-10 00:00Z' + minutes({at}), '{state}'::{kind})"
        for key in "ab"
        for n, (at, state, *_) in enumerate(STATES)
    )
    found = texts(
        f"WITH states(rec, key, ts, register) AS (VALUES {values})"
        f" SELECT used, why FROM {macro}(states, {longest}, digits := 5)"
    )
    assert found == [f"{used or 'NULL'} | {why or 'NULL'}" for _, _, used, why in STATES] * 2


STEPS = "WITH states(rec, key, ts, register) AS (VALUES {}) SELECT rec, used, why FROM "


def states(*rows_: str) -> str:
    return STEPS.format(", ".join(rows_))


def test_differences_sorts_and_keeps_the_order_of_the_file() -> None:
    query = states(
        "(1, 'a', TIMESTAMPTZ '2024-07-10 00:30Z', 3)",
        "(2, 'b', TIMESTAMPTZ '2024-07-10 00:15Z', 20)",
        "(3, 'a', TIMESTAMPTZ '2024-07-10 00:15Z', NULL)",
        "(4, 'a', TIMESTAMPTZ '2024-07-10 00:00Z', 1)",
        "(5, 'b', TIMESTAMPTZ '2024-07-10 00:00Z', 10)",
    )
    assert texts(query + "differences(states, NULL)") == [
        "1 | 2 | NULL",
        "2 | 10 | NULL",
        "3 | NULL | no state",
        "4 | NULL | first state",
        "5 | NULL | first state",
    ]


def test_differences_sorted_says_where_rows_are_not() -> None:
    query = states(
        "(1, 'a', TIMESTAMPTZ '2024-07-10 00:30Z', 3)",
        "(2, 'a', TIMESTAMPTZ '2024-07-10 00:15Z', 2)",
        "(3, 'a', TIMESTAMPTZ '2024-07-10 00:30Z', NULL)",
        "(4, 'a', TIMESTAMPTZ '2024-07-10 00:45Z', 4)",
        "(5, 'b', TIMESTAMPTZ '2024-07-10 01:00Z', 5)",
    )
    assert texts(query + "differences_sorted(states, 60)") == [
        "1 | NULL | first state",
        "2 | NULL | not sorted",
        "3 | NULL | no state",
        "4 | NULL | no state",
        "5 | NULL | first state",
    ]


def test_a_small_fall_is_no_register_that_ran_over() -> None:
    query = states(
        "(1, 'a', TIMESTAMPTZ '2024-07-10 00:00Z', 100.5)",
        "(2, 'a', TIMESTAMPTZ '2024-07-10 00:15Z', 100.4)",
    )
    assert texts(query + "differences(states, 60, digits := 6)")[1] == "2 | NULL | went back"
