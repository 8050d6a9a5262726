"""Completeness and gaps: the samples, both clock changes, odd readings, random weeks."""

import json
import random
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from tests.unit.analysis.questions.question_rig import BERLIN, SAMPLE_WEEK, Row, ask
from tests.unit.queries.query_rig import (
    LONG_AGO,
    SAMPLES,
    Database,
    sample_column,
    sample_readings,
    store,
)

from utility_ts_analytics.queries.time_range import TimeRange

pytestmark = pytest.mark.questdb

QUARTER = timedelta(minutes=15)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
START = datetime(2024, 6, 3, 22, tzinfo=UTC)  # midnight in Berlin


def local_midnight(zone: str, year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def completeness(
    database: Database,
    period: TimeRange,
    zone: str,
    *,
    interval_minutes: int = 15,
    meters: Sequence[str] | None = None,
) -> list[Row]:
    return ask(
        database,
        "completeness",
        period,
        *("local_day", "meter_id", "expected", "present", "missing"),
        *("present_pct", "off_grid", "doubled", "unexpected"),
        given={"meters": meters},
        zone=zone,
        interval_minutes=interval_minutes,
    )


def gaps(
    database: Database,
    period: TimeRange,
    *,
    interval_minutes: int = 15,
    meters: Sequence[str] | None = None,
) -> list[Row]:
    return ask(
        database,
        "gaps",
        period,
        *("meter_id", "gap_start", "gap_end", "missing", "place"),
        given={"meters": meters},
        interval_minutes=interval_minutes,
    )


def store_meters(
    database: Database, sent: dict[str, list[datetime]], known: list[tuple[datetime, str, str]]
) -> None:
    store(
        database,
        meter_usage=[
            {"ts": ts, "meter_id": meter, "kwh": 1.0}
            for meter, times in sent.items()
            for ts in times
        ],
        meters=[{"valid_from": t, "meter_id": m, "status": s} for t, m, s in known],
        meter_feeder_map=[],
    )


def test_gaps_of_the_samples_are_those_that_were_built_in(sample_questdb: Database) -> None:
    expected = json.loads((SAMPLES / "expected.json").read_text())["missing_intervals"]

    rows = gaps(sample_questdb, SAMPLE_WEEK)

    assert {row[0]: row[3] for row in rows} == expected
    first, second = datetime(2024, 6, 3, 10, tzinfo=UTC), datetime(2024, 6, 5, 10, tzinfo=UTC)
    assert rows == [
        ("M-F1-020", first, first + 4 * QUARTER, 4, "inside"),
        ("M-F2-010", second, second + 8 * QUARTER, 8, "inside"),
    ]


def test_completeness_of_the_samples_equals_the_counts_of_the_raw_files(
    sample_questdb: Database,
) -> None:
    """Eight local days, of which the first and last are parts; only two meter days are short."""
    present: defaultdict[tuple[date, str], int] = defaultdict(int)
    for ts, meter, _, _ in sample_readings():
        local = ts.astimezone(ZoneInfo(BERLIN))
        present[date(local.year, local.month, local.day), meter] += 1
    length = {date(2024, 6, 3): 88, date(2024, 6, 10): 8}

    rows = completeness(sample_questdb, SAMPLE_WEEK, BERLIN)

    meters = sample_column("meters", "meter_id", "premise_id")
    days = [date(2024, 6, day) for day in range(3, 11)]
    assert [row[:2] for row in rows] == [(day, meter) for day in days for meter in sorted(meters)]
    for day, meter, expected, there, missing, pct, *odd in rows:
        assert expected == length.get(day, 96)
        assert there == present[day, meter]
        assert missing == expected - there
        assert pct == pytest.approx(100 * there / expected)
        assert odd == [0, 0, 0]
    assert sum(row[4] != 0 for row in rows) == 2


@pytest.mark.parametrize(
    ("zone", "local_day", "hours"),
    [
        (BERLIN, (2024, 3, 31), 23),
        (BERLIN, (2024, 10, 27), 25),
        ("Australia/Adelaide", (2024, 4, 7), 25),
        ("Australia/Adelaide", (2024, 10, 6), 23),
        ("America/Santiago", (2024, 9, 8), 23),  # its midnight does not exist
    ],
    ids=["berlin-march", "berlin-october", "adelaide-april", "adelaide-october", "santiago"],
)
@pytest.mark.parametrize("minutes", [15, 30, 60])
def test_day_of_a_clock_change_has_as_many_intervals_as_it_is_long(
    questdb: Database, zone: str, local_day: tuple[int, int, int], hours: int, minutes: int
) -> None:
    """A silent meter has 0 of all, a full one all; one gap of the whole day or none."""
    start = local_midnight(zone, *local_day)
    asked = TimeRange(start, start + timedelta(hours=hours))
    count = hours * 60 // minutes
    store_meters(
        questdb,
        {"full": [start + i * timedelta(minutes=minutes) for i in range(count)]},
        [(LONG_AGO, "full", "active"), (LONG_AGO, "silent", "active")],
    )

    assert completeness(questdb, asked, zone, interval_minutes=minutes) == [
        (date(*local_day), "full", count, count, 0, 100.0, 0, 0, 0),
        (date(*local_day), "silent", count, 0, count, 0.0, 0, 0, 0),
    ]
    assert gaps(questdb, asked, interval_minutes=minutes) == [
        ("silent", asked.start, asked.end, count, "all")
    ]


def test_repeated_and_missing_hours_can_be_missing(questdb: Database) -> None:
    """Only the second pass of 02:00-03:00 was sent in autumn: the first one is a gap."""
    start = local_midnight(BERLIN, 2024, 10, 27)
    asked = TimeRange(start, start + timedelta(hours=25))
    times = [start + i * QUARTER for i in range(100) if not 8 <= i < 12]
    store_meters(questdb, {"a": times}, [(LONG_AGO, "a", "active")])

    (row,) = completeness(questdb, asked, BERLIN)
    assert row[2:6] == (100, 96, 4, 96.0)
    assert gaps(questdb, asked) == [("a", start + 8 * QUARTER, start + 12 * QUARTER, 4, "inside")]


def test_gaps_at_both_ends_of_the_range_are_found(questdb: Database) -> None:
    asked = TimeRange(START, START + DAY)
    store_meters(
        questdb, {"a": [START + 40 * QUARTER], "new": [START]}, [(LONG_AGO, "a", "active")]
    )

    assert gaps(questdb, asked) == [
        ("a", START, START + 40 * QUARTER, 40, "start"),
        ("a", START + 41 * QUARTER, START + DAY, 55, "end"),
        ("new", START + QUARTER, START + DAY, 95, "end"),
    ]


def test_odd_readings_are_told_and_hide_no_gap(questdb: Database) -> None:
    """Off the grid, two in one interval, and one from before the meter was known."""
    asked = TimeRange(START, START + DAY)
    since = START + 10 * QUARTER
    store_meters(
        questdb,
        {
            "a": [
                START + 5 * QUARTER,  # not known yet
                since,
                since + 7 * SECOND,  # the same interval again
                since + QUARTER + 7 * SECOND,  # an interval of its own, late by 7 s
            ]
        },
        [(since, "a", "active")],
    )

    assert completeness(questdb, asked, BERLIN) == [
        (date(2024, 6, 4), "a", 86, 2, 84, pytest.approx(100 * 2 / 86), 2, 1, 1)
    ]
    assert gaps(questdb, asked) == [("a", since + 2 * QUARTER, START + DAY, 84, "end")]


def test_readings_of_a_removed_meter_are_unexpected(questdb: Database) -> None:
    asked = TimeRange(START, START + DAY)
    store_meters(questdb, {"a": [START]}, [(LONG_AGO, "a", "removed")])

    assert completeness(questdb, asked, BERLIN) == [(date(2024, 6, 4), "a", 0, 0, 0, None, 0, 0, 1)]
    assert gaps(questdb, asked) == []


def test_gap_over_a_change_of_version_is_one_gap(questdb: Database) -> None:
    """And one over a time in which the meter was removed counts what was expected of it only."""
    asked = TimeRange(START, START + DAY)
    ends = [START, START + 95 * QUARTER]
    store_meters(
        questdb,
        {"a": ends, "b": ends},
        [
            (LONG_AGO, "a", "active"),
            (START + 20 * QUARTER, "a", "vacant"),
            (LONG_AGO, "b", "active"),
            (START + 20 * QUARTER, "b", "removed"),
            (START + 30 * QUARTER, "b", "active"),
        ],
    )

    gap = (START + QUARTER, START + 95 * QUARTER)
    assert gaps(questdb, asked) == [
        ("a", *gap, 94, "inside"),
        ("b", *gap, 84, "inside"),
    ]


@pytest.mark.parametrize("seed", range(3))
def test_random_weeks_equal_the_plain_count(questdb: Database, seed: int) -> None:
    """Seven days over the change of October; meters come and go and lose readings."""
    draw = random.Random(seed)  # noqa: S311 - test data, repeatable
    start = local_midnight(BERLIN, 2024, 10, 24)
    count = 7 * 96 + 4
    asked = TimeRange(start, start + count * QUARTER)
    grid = [start + i * QUARTER for i in range(count)]
    sent, known, spans = {}, [], {}
    for meter in ("a", "b", "c"):
        first, end = sorted(draw.sample(range(-50, count + 50), 2))
        known += [
            (start + first * QUARTER, meter, "active"),
            (start + end * QUARTER, meter, "removed"),
        ]
        spans[meter] = range(max(first, 0), min(end, count))
        off = draw.randrange(count)
        sent[meter] = [t for i, t in enumerate(grid) if (i + off) % 97 > draw.choice([1, 9, 60])]
    store_meters(questdb, sent, known)

    cells: defaultdict[tuple[date, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for meter, span in spans.items():
        for index, ts in enumerate(grid):
            local = ts.astimezone(ZoneInfo(BERLIN))
            is_there, is_known = ts in sent[meter], index in span
            if is_there or is_known:
                cell = cells[date(local.year, local.month, local.day), meter]
                cell[0] += is_known
                cell[1] += is_known and is_there
                cell[2] += is_there and not is_known
    rows = completeness(questdb, asked, BERLIN)
    assert [(*row[:4], *row[6:]) for row in rows] == [
        (*key, expected, present, 0, 0, unexpected)
        for key, (expected, present, unexpected) in sorted(cells.items())
    ]

    missing: dict[tuple[str, datetime], bool] = {}
    for meter, gap_start, gap_end, number, _ in gaps(questdb, asked):
        assert (gap_end - gap_start) // QUARTER == number
        for i in range((gap_end - gap_start) // QUARTER):
            missing[meter, gap_start + i * QUARTER] = True
    assert set(missing) == {
        (meter, grid[i])
        for meter, span in spans.items()
        for i in span
        if grid[i] not in sent[meter]
    }


@pytest.mark.parametrize("name", ["' OR '1'='1", "'a'", "'; DROP TABLE meters; --", "\\"])
def test_hostile_name_finds_its_own_gaps_only(questdb: Database, name: str) -> None:
    asked = TimeRange(START, START + 2 * QUARTER)
    store_meters(
        questdb,
        {name: [START], "m-1": []},
        [(LONG_AGO, name, "active"), (LONG_AGO, "m-1", "active")],
    )

    assert gaps(questdb, asked, meters=[name]) == [(name, START + QUARTER, asked.end, 1, "end")]
    assert [row[1] for row in completeness(questdb, asked, BERLIN, meters=[name])] == [name]
