"""Loads over time against plain sums: of all meters, and of segments as of each reading."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.analysis.questions.question_rig import SAMPLE_WEEK, Row, analysis, ask, rows
from tests.unit.queries.query_rig import LONG_AGO, Database, sample_readings
from tests.unit.queries.utility_rig import (
    HOUR,
    NOON,
    QUARTER,
    Utility,
    one_meter,
    random_utility,
)

from utility_ts_analytics.queries.time_range import TimeRange

pytestmark = pytest.mark.questdb

AROUND = TimeRange(NOON - HOUR, NOON + HOUR)
COLUMNS = ("ts", "group_name", "kwh", "mean_kw")


def segment_load(database: Database, period: TimeRange, every: str = "1 hour") -> list[Row]:
    return ask(database, "load", period, *COLUMNS, group="segment", every=every)


def system_load(database: Database, period: TimeRange, every: str = "1 hour") -> list[Row]:
    return ask(database, "load", period, *COLUMNS, every=every)


@pytest.mark.parametrize(
    ("scale", "kwh"),
    [
        ({}, 1.0),
        ({(LONG_AGO, "m-1"): (2.0, LONG_AGO + HOUR)}, 1.0),
        ({(NOON + QUARTER, "m-1"): (2.0, None)}, 1.0),
        ({(LONG_AGO, "m-1"): (None, None)}, 1.0),
        ({(LONG_AGO, "m-1"): (2.0, NOON + QUARTER)}, 2.0),
        ({(LONG_AGO, "m-1"): (2.0, None), (NOON, "m-1"): (3.0, NOON)}, 1.0),
        ({(LONG_AGO, "m-1"): (2.0, NOON), (NOON, "m-1"): (3.0, None)}, 3.0),
        ({(LONG_AGO, "m-2"): (99.0, None)}, 1.0),
    ],
    ids=[
        *("no factor", "ended", "not yet", "null", "still"),
        *("latest version ended at once", "next version", "of another meter"),
    ],
)
def test_factor_of_the_time_decides_and_without_one_a_reading_counts_once(
    questdb: Database,
    scale: dict[tuple[datetime, str], tuple[float | None, datetime | None]],
    kwh: float,
) -> None:
    utility = one_meter()
    utility.scale_of = scale
    utility.store(questdb)

    quarter = TimeRange(NOON, NOON + QUARTER)
    assert system_load(questdb, quarter, "15 minutes") == [(NOON, "system", kwh, 4 * kwh)]


def test_period_takes_its_start_and_leaves_its_end(questdb: Database) -> None:
    one_meter().store(questdb)

    late = TimeRange(NOON + timedelta(microseconds=1), NOON + QUARTER)
    assert system_load(questdb, late) == []
    assert [row[2] for row in system_load(questdb, TimeRange(NOON, NOON + QUARTER))] == [1.0]


def test_customer_counts_for_the_segment_of_the_time(questdb: Database) -> None:
    one_meter(household=LONG_AGO, farm=NOON).store(questdb)

    assert segment_load(questdb, AROUND) == [
        (NOON - HOUR, "household", 4.0, 4.0),
        (NOON, "farm", 4.0, 4.0),
    ]


def test_mean_power_is_over_the_part_of_the_bucket_in_the_period(questdb: Database) -> None:
    one_meter(household=LONG_AGO).store(questdb)
    part = TimeRange(NOON - 2 * QUARTER, NOON + QUARTER)

    assert segment_load(questdb, part) == [
        (NOON - HOUR, "household", 2.0, 4.0),
        (NOON, "household", 1.0, 4.0),
    ]
    assert segment_load(questdb, part, "1 month") == [
        (datetime(2026, 3, 1, tzinfo=UTC), "household", 3.0, 4.0)
    ]


@pytest.mark.parametrize("unit", ["minutes", "hours", "days", "weeks", "months", "years"])
def test_every_unit_adds_up_to_the_same(questdb: Database, unit: str) -> None:
    one_meter(household=LONG_AGO).store(questdb)

    assert sum(row[2] for row in segment_load(questdb, AROUND, f"2 {unit}")) == 8.0


@pytest.mark.parametrize("seed", range(3))
def test_segment_load_equals_the_plain_sum(questdb: Database, seed: int) -> None:
    utility = random_utility(seed)
    utility.store(questdb)
    asked = TimeRange(NOON - timedelta(hours=20), NOON + timedelta(hours=17, minutes=15))

    with analysis(questdb, asked) as one:
        found = {
            hours: rows(one, "load", *COLUMNS, group="segment", every=f"{hours} hours")
            for hours in (1, 6)
        }
        of_meters = rows(one, "load", "group_name", "kwh", group="meter", every="1 year")

    for hours, answer in found.items():
        energy: defaultdict[tuple[datetime, str], float] = defaultdict(float)
        for ts, meter in utility.readings:
            segment = utility.segment(ts, meter)
            if asked.start <= ts < asked.end and segment is not None:
                bucket = ts.replace(hour=ts.hour // hours * hours, minute=0)
                energy[bucket, segment] += utility.kwh(ts, meter)
        assert [row[:2] for row in answer] == sorted(energy)
        for ts, segment, kwh, mean_kw in answer:
            covered = min(ts + hours * HOUR, asked.end) - max(ts, asked.start)
            assert kwh == pytest.approx(energy[ts, segment])
            assert mean_kw == pytest.approx(energy[ts, segment] / (covered / HOUR))
    by_meter: defaultdict[str, float] = defaultdict(float)
    for ts, meter in utility.readings:
        if asked.start <= ts < asked.end:
            by_meter[meter] += utility.kwh(ts, meter)
    assert dict(of_meters) == pytest.approx(by_meter)


def test_load_of_all_has_each_meter_scaled(questdb: Database) -> None:
    """Two quarters of the first hour with 41 kWh each: 82 kWh in half an hour."""
    utility = Utility({(NOON + i * QUARTER, m): 1.0 for i in range(8) for m in ("m-1", "m-2")})
    utility.scale_of[LONG_AGO, "m-1"] = 40.0, None
    utility.store(questdb)

    cut = TimeRange(NOON + 2 * QUARTER, NOON + 2 * HOUR)
    assert system_load(questdb, cut) == [
        (NOON, "system", 82.0, 164.0),
        (NOON + HOUR, "system", 164.0, 164.0),
    ]


def test_load_of_the_sample_is_all_of_its_energy(sample_questdb: Database) -> None:
    days = system_load(sample_questdb, SAMPLE_WEEK, "1 day")
    total = sum(kwh for _, _, kwh, _ in sample_readings())
    assert len(days) == 7
    assert sum(row[2] for row in days) == pytest.approx(total)


def test_day_with_two_midnights_begins_with_the_first(questdb: Database) -> None:
    """Havana puts its clocks back at 01:00 to midnight: 25 hours from 04:00 UTC on."""
    first = datetime(2024, 11, 3, 4, tzinfo=UTC)
    Utility({(first + i * HOUR, "m-1"): 1.0 for i in range(-1, 26)}).store(questdb)

    around = TimeRange(first - HOUR, first + 26 * HOUR)
    days = ask(questdb, "load", around, *COLUMNS, every="1 day", zone="America/Havana")
    assert days == [
        (first - timedelta(days=1), "system", 1.0, 1.0),
        (first, "system", 25.0, 1.0),
        (first + 25 * HOUR, "system", 1.0, 1.0),
    ]


@pytest.mark.parametrize(
    "name", ["' OR '1'='1", "'a'", "'; DROP TABLE meter_usage; --", "\\", "ä\n"]
)
def test_odd_name_is_a_name(questdb: Database, name: str) -> None:
    utility = one_meter(household=LONG_AGO)
    utility.readings[NOON, name] = 7.0
    utility.customer_of[LONG_AGO, name] = name
    utility.segment_of[LONG_AGO, name] = name
    utility.store(questdb)

    hour = TimeRange(NOON, NOON + HOUR)
    with analysis(questdb, hour) as all_meters, analysis(questdb, hour, meters=[name]) as alone:
        found = rows(all_meters, "load", *COLUMNS, group="segment")
        own = rows(alone, "load", *COLUMNS, group="segment")
    assert own == [(NOON, name, 7.0, 7.0)]
    assert found == sorted([(NOON, name, 7.0, 7.0), (NOON, "household", 4.0, 4.0)])
