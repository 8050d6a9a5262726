"""Time of use and typical days, compared with the same sums done in plain Python."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.analysis.questions.question_rig import SAMPLE_WEEK, Row, ask
from tests.unit.queries.query_rig import (
    LONG_AGO,
    Database,
    sample_column,
    sample_readings,
    store,
)
from tests.unit.queries.tariff_rig import calendar_of, day_type_at, rate_at, wall_clock

from utility_ts_analytics.queries.tariff_calendar import DAY_TYPES, TariffCalendar
from utility_ts_analytics.queries.time_range import TimeRange

pytestmark = pytest.mark.questdb

QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)
BERLIN = calendar_of("Europe/Berlin")
SPRING = TimeRange(datetime(2024, 3, 30, 23, tzinfo=UTC), datetime(2024, 3, 31, 22, tzinfo=UTC))
AUTUMN = TimeRange(datetime(2024, 10, 26, 22, tzinfo=UTC), datetime(2024, 10, 27, 23, tzinfo=UTC))


def time_of_use(
    database: Database,
    tariff: TariffCalendar,
    period: TimeRange,
    *,
    by: str = "segment",
    meters: Sequence[str] | None = None,
) -> list[Row]:
    return ask(
        database,
        "time_of_use",
        period,
        *("group_name", "season", "period", "kwh", "readings"),
        given={"tariff": tariff, "meters": meters},
        group=by,
    )


def typical_day(
    database: Database,
    tariff: TariffCalendar,
    period: TimeRange,
    *,
    by: str = "segment",
    slot_minutes: int = 15,
) -> list[Row]:
    return ask(
        database,
        "typical_day",
        period,
        *("group_name", "day_type", "local_time", "mean_kw", "occurrences", "kwh"),
        given={"tariff": tariff},
        group=by,
        slot_minutes=slot_minutes,
    )


def store_readings(database: Database, readings: dict[tuple[datetime, str], float]) -> None:
    store(
        database,
        meter_usage=[
            {"ts": ts, "meter_id": meter, "kwh": kwh} for (ts, meter), kwh in readings.items()
        ],
        meters=[],
        customers=[],
        meter_scale_map=[],
    )


def every_quarter(asked: TimeRange, kwh: float = 1.0) -> dict[tuple[datetime, str], float]:
    count = (asked.end - asked.start) // QUARTER
    return {(asked.start + i * QUARTER, "m-1"): kwh for i in range(count)}


@pytest.mark.parametrize(
    ("by", "key_of"),
    [
        ("meter", lambda meter, _: meter),
        (
            "segment",
            lambda _, customer: sample_column("customers", "customer_id", "segment")[customer],
        ),
        (
            "tariff",
            lambda _, customer: sample_column("customers", "customer_id", "tariff_code")[customer],
        ),
    ],
    ids=["meter", "segment", "tariff"],
)
def test_sample_week_equals_the_sums_of_the_raw_files(
    sample_questdb: Database, by: str, key_of: Callable[[str, str], str]
) -> None:
    customer = sample_column("meters", "meter_id", "customer_id")
    keys = {meter: key_of(meter, customer[meter]) for meter in customer}
    kwh: defaultdict[tuple[str, str, str], float] = defaultdict(float)
    counts: defaultdict[tuple[str, str, str], int] = defaultdict(int)
    for ts, meter, energy, _ in sample_readings():
        cell = (keys[meter], *rate_at(BERLIN, ts))
        kwh[cell] += energy
        counts[cell] += 1
    order = {rate: index for index, rate in enumerate(BERLIN.rates)}

    rows = time_of_use(sample_questdb, BERLIN, SAMPLE_WEEK, by=by)

    assert [row[:3] for row in rows] == sorted(kwh, key=lambda c: (c[0], order[c[1], c[2]]))
    for *key, energy, count in rows:
        cell = key[0], key[1], key[2]
        assert energy == pytest.approx(kwh[cell])
        assert count == counts[cell]


@pytest.mark.parametrize("slot_minutes", [15, 30, 60])
def test_typical_days_of_the_sample_week_equal_those_of_the_raw_files(
    sample_questdb: Database, slot_minutes: int
) -> None:
    customer = sample_column("meters", "meter_id", "customer_id")
    segment = sample_column("customers", "customer_id", "segment")
    kwh: defaultdict[tuple[str, int, str], float] = defaultdict(float)
    slots: defaultdict[tuple[str, int, str], set[datetime]] = defaultdict(set)
    for ts, meter, energy, _ in sample_readings():
        local = wall_clock(ts, BERLIN.zone)
        start = local - timedelta(minutes=local.minute % slot_minutes)
        day_type = DAY_TYPES.index(day_type_at(BERLIN, ts))
        cell = segment[customer[meter]], day_type, f"{start:%H:%M}"
        kwh[cell] += energy
        slots[cell].add(start)

    rows = typical_day(sample_questdb, BERLIN, SAMPLE_WEEK, slot_minutes=slot_minutes)

    assert [(row[0], DAY_TYPES.index(str(row[1])), row[2]) for row in rows] == sorted(kwh)
    for row, cell in zip(rows, sorted(kwh), strict=True):
        count = len(slots[cell])
        assert row[3] == pytest.approx(kwh[cell] / (count * slot_minutes / 60))
        assert row[4:] == (count, pytest.approx(kwh[cell]))


def test_day_of_23_hours_misses_the_hour_that_is_not_there(questdb: Database) -> None:
    """Easter Sunday: 02:00 to 03:00 does not exist; nothing of it is in the answer."""
    store_readings(questdb, every_quarter(SPRING))

    assert time_of_use(questdb, BERLIN, SPRING, by="meter") == [("m-1", "winter", "low", 92.0, 92)]
    hours = typical_day(questdb, BERLIN, SPRING, by="meter", slot_minutes=60)
    assert [row[2] for row in hours] == [f"{hour:02}:00" for hour in range(24) if hour != 2]
    assert {row[3:] for row in hours} == {(4.0, 1, 4.0)}


def test_day_of_25_hours_has_its_repeated_hour_twice(questdb: Database) -> None:
    """Mean power stays 4 kW in the repeated hour: twice the energy in twice the time."""
    store_readings(questdb, every_quarter(AUTUMN))

    assert time_of_use(questdb, BERLIN, AUTUMN, by="meter") == [
        ("m-1", "winter", "free", 100.0, 100)
    ]
    hours = typical_day(questdb, BERLIN, AUTUMN, by="meter", slot_minutes=60)
    assert [row[2] for row in hours] == [f"{hour:02}:00" for hour in range(24)]
    assert [row[3:] for row in hours] == [
        (4.0, 2, 8.0) if hour == 2 else (4.0, 1, 4.0) for hour in range(24)
    ]


@pytest.mark.parametrize(
    ("start", "saturday_low", "saturday_mid"),
    [
        # Winter of this tariff: Saturday low until 08:00. Adelaide leaves summer time on the Sunday
        # 2024-04-07 at 03:00 and enters it on 2024-10-06 at 02:00, when the tariff has summer.
        (datetime(2024, 4, 5, 13, 30, tzinfo=UTC), 32.0, 64.0),
        (datetime(2024, 10, 4, 14, 30, tzinfo=UTC), 0.0, 96.0),
    ],
    ids=["april", "october"],
)
def test_southern_zone_of_half_hours_is_right_over_its_changes(
    questdb: Database, start: datetime, saturday_low: float, saturday_mid: float
) -> None:
    adelaide = calendar_of("Australia/Adelaide")
    hours = 49 if start.month == 4 else 47
    asked = TimeRange(start, start + hours * HOUR)
    store_readings(questdb, every_quarter(asked))

    rows = time_of_use(questdb, adelaide, asked, by="meter")

    season = rate_at(adelaide, start)[0]
    sunday_low = (hours - 24) * 4.0
    assert {row[1] for row in rows} == {season}
    assert {row[2]: row[3] for row in rows} == {
        "low": saturday_low + sunday_low,
        "mid": saturday_mid,
    }


def test_readings_off_the_grid_fall_into_the_window_of_their_start(questdb: Database) -> None:
    """The window changes at 05:50: a second before is still low."""
    day = datetime(2024, 6, 4, tzinfo=UTC)  # Tuesday
    edge = day + timedelta(hours=3, minutes=50)  # 05:50 in Berlin
    second = timedelta(seconds=1)
    store_readings(
        questdb, {(edge - second, "m-1"): 1.0, (edge, "m-1"): 2.0, (edge + second, "m-1"): 4.0}
    )

    for start in (day, edge - second):
        asked = TimeRange(start, day + timedelta(days=1))
        assert time_of_use(questdb, BERLIN, asked, by="meter") == [
            ("m-1", "summer", "low", 1.0, 1),
            ("m-1", "summer", "high", 6.0, 2),
        ]


def test_factor_and_customer_are_those_of_the_time_of_the_reading(questdb: Database) -> None:
    """Readings without a customer are under null: the rows add up to all of the energy."""
    noon = datetime(2024, 6, 4, 10, tzinfo=UTC)
    store(
        questdb,
        meter_usage=[
            {"ts": noon + i * QUARTER, "meter_id": "m-1", "kwh": 1.0 + i} for i in range(4)
        ],
        meters=[
            {"valid_from": noon + QUARTER, "meter_id": "m-1", "customer_id": "c-1"},
            {"valid_from": noon + 3 * QUARTER, "meter_id": "m-1", "customer_id": None},
        ],
        customers=[
            {"valid_from": LONG_AGO, "customer_id": "c-1", "segment": "farm", "tariff_code": "A"},
            {
                "valid_from": noon + 2 * QUARTER,
                "customer_id": "c-1",
                "segment": "farm",
                "tariff_code": None,
            },
        ],
        meter_scale_map=[
            {
                "valid_from": noon + 2 * QUARTER,
                "meter_id": "m-1",
                "scale_factor": 10.0,
                "valid_to": noon + 3 * QUARTER,
            }
        ],
    )
    asked = TimeRange(noon, noon + HOUR)

    assert time_of_use(questdb, BERLIN, asked, by="segment") == [
        ("farm", "summer", "high", 2.0 + 30.0, 2),
        (None, "summer", "high", 1.0 + 4.0, 2),
    ]
    assert time_of_use(questdb, BERLIN, asked, by="tariff") == [
        ("A", "summer", "high", 2.0, 1),
        (None, "summer", "high", 1.0 + 30.0 + 4.0, 3),
    ]


def test_slots_without_any_reading_do_not_lower_the_mean(questdb: Database) -> None:
    """Two weekdays, one of them silent at noon, and one of two meters missing on the other."""
    noon = datetime(2024, 6, 4, 10, tzinfo=UTC)
    day = timedelta(days=1)
    store_readings(
        questdb,
        {(noon, "m-1"): 1.0, (noon + QUARTER, "m-1"): 1.0, (noon + QUARTER + day, "m-2"): 3.0},
    )
    asked = TimeRange(noon - HOUR, noon + 2 * day)

    assert typical_day(questdb, BERLIN, asked) == [
        (None, "weekday", "12:00", 4.0, 1, 1.0),
        (None, "weekday", "12:15", 8.0, 2, 4.0),
    ]


@pytest.mark.parametrize("name", ["' OR '1'='1", "'a'", "'; DROP TABLE meter_usage; --", "\\"])
def test_hostile_name_finds_its_own_readings_only(questdb: Database, name: str) -> None:
    noon = datetime(2024, 6, 4, 10, tzinfo=UTC)
    store_readings(questdb, {(noon, name): 7.0, (noon, "m-1"): 1.0})
    asked = TimeRange(noon, noon + HOUR)

    assert time_of_use(questdb, BERLIN, asked, by="meter", meters=[name]) == [
        (name, "summer", "high", 7.0, 1)
    ]
