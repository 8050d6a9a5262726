"""The queries against a real QuestDB, compared with the same sums done in plain Python."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.queries.query_rig import LONG_AGO, Database
from tests.unit.queries.utility_rig import HOUR, NOON, QUARTER, one_meter, random_utility

from utility_ts_analytics.queries.meter_usage_queries import (
    TimeRange,
    aggregated_segment_load_sql,
    load_profile_sql,
)

pytestmark = pytest.mark.questdb


def instant(value: object) -> datetime:
    """A TIMESTAMP of a result, which comes as text or as a time in UTC without saying so."""
    time = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return time.replace(tzinfo=UTC)


def number(value: object) -> float:
    assert isinstance(value, int | float)
    return float(value)


def profile(database: Database, meter: str, start: datetime, end: datetime) -> list[object]:
    rows = database.query(load_profile_sql(meter, TimeRange(start, end)))
    return [(instant(ts), number(kwh)) for ts, kwh in rows]


def segment_load(
    database: Database, segments: Iterable[str], time_range: TimeRange, sample_by: str = "1h"
) -> list[tuple[datetime, str, float, float]]:
    rows = database.query(aggregated_segment_load_sql(segments, time_range, sample_by))
    return [
        (instant(ts), str(segment), number(kwh), number(mean_kw))
        for ts, segment, kwh, mean_kw in rows
    ]


def test_reading_is_scaled_by_the_version_of_its_own_time(questdb: Database) -> None:
    """Two versions of a factor change the values, never the number of rows."""
    utility = one_meter()
    utility.scale_of = {
        (LONG_AGO, "m-1"): (2.0, NOON),
        (NOON, "m-1"): (3.0, None),
        (LONG_AGO, "m-2"): (99.0, None),
    }
    utility.store(questdb)

    assert profile(questdb, "m-1", NOON - 2 * QUARTER, NOON + 2 * QUARTER) == [
        (NOON - 2 * QUARTER, 2.0),
        (NOON - 1 * QUARTER, 2.0),
        (NOON, 3.0),
        (NOON + 1 * QUARTER, 3.0),
    ]


@pytest.mark.parametrize(
    ("scale", "kwh"),
    [
        ({}, 1.0),
        ({(LONG_AGO, "m-1"): (2.0, LONG_AGO + HOUR)}, 1.0),
        ({(NOON + QUARTER, "m-1"): (2.0, None)}, 1.0),
        ({(LONG_AGO, "m-1"): (None, None)}, 1.0),
        ({(LONG_AGO, "m-1"): (2.0, NOON + QUARTER)}, 2.0),
        ({(LONG_AGO, "m-1"): (2.0, None), (NOON, "m-1"): (3.0, NOON)}, 1.0),
    ],
    ids=["no factor", "ended", "not yet", "null", "still", "latest version ended at once"],
)
def test_meter_without_a_factor_at_the_time_counts_once(
    questdb: Database,
    scale: dict[tuple[datetime, str], tuple[float | None, datetime | None]],
    kwh: float,
) -> None:
    utility = one_meter()
    utility.scale_of = scale
    utility.store(questdb)

    assert profile(questdb, "m-1", NOON, NOON + QUARTER) == [(NOON, kwh)]


def test_range_takes_its_start_and_leaves_its_end(questdb: Database) -> None:
    one_meter().store(questdb)

    assert profile(questdb, "m-1", NOON, NOON + QUARTER) == [(NOON, 1.0)]
    assert profile(questdb, "m-1", NOON + timedelta(microseconds=1), NOON + QUARTER) == []


def test_customer_counts_for_the_segment_of_the_time(questdb: Database) -> None:
    """Also where only the earlier segment is asked for: it does not live on."""
    one_meter(household=LONG_AGO, farm=NOON).store(questdb)
    around = TimeRange(NOON - HOUR, NOON + HOUR)

    assert segment_load(questdb, ["household"], around) == [(NOON - HOUR, "household", 4.0, 4.0)]
    assert segment_load(questdb, ["farm", "household"], around) == [
        (NOON - HOUR, "household", 4.0, 4.0),
        (NOON, "farm", 4.0, 4.0),
    ]


def test_mean_power_is_over_the_part_of_the_bucket_in_the_range(questdb: Database) -> None:
    one_meter(household=LONG_AGO).store(questdb)
    part = TimeRange(NOON - 2 * QUARTER, NOON + QUARTER)

    assert segment_load(questdb, ["household"], part) == [
        (NOON - HOUR, "household", 2.0, 4.0),
        (NOON, "household", 1.0, 4.0),
    ]
    assert segment_load(questdb, ["household"], part, "1M") == [
        (datetime(2026, 3, 1, tzinfo=UTC), "household", 3.0, 4.0)
    ]


@pytest.mark.parametrize("unit", "smhdwMy")
def test_every_unit_is_one_that_questdb_takes(questdb: Database, unit: str) -> None:
    one_meter(household=LONG_AGO).store(questdb)
    whole = TimeRange(NOON - HOUR, NOON + HOUR)

    rows = segment_load(questdb, ["household"], whole, f"2{unit}")

    assert sum(kwh for _, _, kwh, _ in rows) == 8.0


@pytest.mark.parametrize("seed", range(3))
def test_segment_load_equals_the_plain_sum(questdb: Database, seed: int) -> None:
    utility = random_utility(seed)
    utility.store(questdb)
    asked = TimeRange(NOON - timedelta(hours=20), NOON + timedelta(hours=17, minutes=15))

    for hours in (1, 6):
        energy: defaultdict[tuple[datetime, str], float] = defaultdict(float)
        for ts, meter in utility.readings:
            segment = utility.segment(ts, meter)
            if asked.start <= ts < asked.end and segment in {"household", "solar"}:
                bucket = ts.replace(hour=ts.hour // hours * hours, minute=0)
                energy[bucket, segment] += utility.kwh(ts, meter)

        rows = segment_load(questdb, ["household", "solar"], asked, f"{hours}h")

        assert [row[:2] for row in rows] == sorted(energy)
        for ts, segment, kwh, mean_kw in rows:
            covered = min(ts + hours * HOUR, asked.end) - max(ts, asked.start)
            assert kwh == pytest.approx(energy[ts, segment])
            assert mean_kw == pytest.approx(energy[ts, segment] / (covered / HOUR))


@pytest.mark.parametrize("seed", range(3))
def test_load_profile_equals_the_plain_values(questdb: Database, seed: int) -> None:
    utility = random_utility(seed)
    utility.store(questdb)
    start, end = NOON - timedelta(hours=20), NOON + timedelta(hours=17)

    for meter in ("m-0", "m-3", "m-5"):
        assert profile(questdb, meter, start, end) == [
            (ts, pytest.approx(utility.kwh(ts, meter)))
            for ts, m in sorted(utility.readings)
            if m == meter and start <= ts < end
        ]


@pytest.mark.parametrize(
    "name", ["' OR '1'='1", "'a'", "'; DROP TABLE meter_usage; --", "\\", "ä\n"]
)
def test_hostile_name_finds_its_own_rows_only(questdb: Database, name: str) -> None:
    utility = one_meter(household=LONG_AGO)
    utility.readings[NOON, name] = 7.0
    utility.customer_of[LONG_AGO, name] = name
    utility.segment_of[LONG_AGO, name] = name
    utility.store(questdb)

    assert profile(questdb, name, NOON - HOUR, NOON + HOUR) == [(NOON, 7.0)]
    assert segment_load(questdb, [name], TimeRange(NOON, NOON + HOUR)) == [(NOON, name, 7.0, 7.0)]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-03-01T12:00:00Z", "2026-03-01T12:15:00Z"),
        ("2026-03-01 12:00", "2026-03-01 12:15"),
        ("2026-03-01T13:00:00+01:00", "2026-03-01T13:15:00+01:00"),
        ("20260301T120000Z", "2026-03-01T12:15Z"),
    ],
)
def test_range_of_texts_takes_its_start_and_leaves_its_end(
    questdb: Database, start: str, end: str
) -> None:
    utility = one_meter(home=LONG_AGO)
    utility.scale_of[LONG_AGO, "m-1"] = 20.0, None
    utility.store(questdb)
    texts = TimeRange(start, end)

    rows = questdb.query(load_profile_sql("m-1", texts))
    assert [(instant(ts), kwh) for ts, kwh in rows] == [(NOON, 20.0)]
    assert segment_load(questdb, ["home"], texts, "15m") == [(NOON, "home", 20.0, 80.0)]
