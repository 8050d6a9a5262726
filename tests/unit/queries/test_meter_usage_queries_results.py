"""The queries against a real QuestDB, compared with the same sums done in plain Python."""

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeVar

import pytest

from utility_ts_analytics.queries.literals import quote_text, quote_timestamp
from utility_ts_analytics.queries.meter_usage_queries import (
    TimeRange,
    aggregated_segment_load_sql,
    load_profile_sql,
)

pytestmark = pytest.mark.questdb

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
ROWS_PER_INSERT = 300  # a statement is a URL: 64 KiB at most
VersionT = TypeVar("VersionT")


class Database(Protocol):
    """What these tests ask of the `questdb` fixture."""

    def query(self, sql: str) -> Sequence[Sequence[object]]: ...

    def truncate(self, *tables: str) -> None: ...

    def wait_applied(self, table: str) -> None: ...


@dataclass
class Utility:
    """Rows of the four tables by (time, key), and how to answer from them without SQL."""

    readings: dict[tuple[datetime, str], float] = field(default_factory=dict)
    customer_of: dict[tuple[datetime, str], str] = field(default_factory=dict)
    segment_of: dict[tuple[datetime, str], str] = field(default_factory=dict)
    scale_of: dict[tuple[datetime, str], tuple[float | None, datetime | None]] = field(
        default_factory=dict
    )

    def kwh(self, ts: datetime, meter: str) -> float:
        factor, end = version_at(self.scale_of, meter, ts) or (None, None)
        if factor is None or (end is not None and end <= ts):
            factor = 1.0
        return self.readings[ts, meter] * factor

    def segment(self, ts: datetime, meter: str) -> str | None:
        customer = version_at(self.customer_of, meter, ts)
        return None if customer is None else version_at(self.segment_of, customer, ts)


def version_at(
    versions: dict[tuple[datetime, str], VersionT], key: str, ts: datetime
) -> VersionT | None:
    started = [(since, row) for (since, k), row in versions.items() if k == key and since <= ts]
    return max(started, key=lambda version: version[0])[1] if started else None


def store(database: Database, utility: Utility) -> None:
    """Make the four tables hold these rows and no others."""
    tables: dict[str, list[tuple[object, ...]]] = {
        "meter_usage (ts, meter_id, kwh)": [(*k, v) for k, v in utility.readings.items()],
        "meters (valid_from, meter_id, customer_id)": [
            (*k, v) for k, v in utility.customer_of.items()
        ],
        "customers (valid_from, customer_id, segment)": [
            (*k, v) for k, v in utility.segment_of.items()
        ],
        "meter_scale_map (valid_from, meter_id, scale_factor, valid_to)": [
            (*k, *v) for k, v in utility.scale_of.items()
        ],
    }
    for target, rows in tables.items():
        table = target.split(" ", 1)[0]
        database.truncate(table)
        for first in range(0, len(rows), ROWS_PER_INSERT):
            values = ", ".join(
                f"({', '.join(map(literal, row))})" for row in rows[first : first + ROWS_PER_INSERT]
            )
            database.query(f"INSERT INTO {target} VALUES {values}")
        database.wait_applied(table)


def literal(value: object) -> str:
    if isinstance(value, datetime):
        return quote_timestamp(value)
    return "null" if value is None else quote_text(value) if isinstance(value, str) else repr(value)


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


def one_meter(**segments: datetime) -> Utility:
    """Meter m-1 of customer c-1, one kWh per quarter from 11:00 to 13:00; segments with start."""
    return Utility(
        readings={(NOON + i * QUARTER, "m-1"): 1.0 for i in range(-4, 4)},
        customer_of={(LONG_AGO, "m-1"): "c-1"},
        segment_of={(since, "c-1"): name for name, since in segments.items()},
    )


def random_utility(seed: int) -> Utility:
    """Two days of six meters whose versions start and end on, before and between readings."""
    draw = random.Random(seed)  # noqa: S311 - test data, repeatable
    start = NOON - timedelta(days=1)
    meters, customers = [f"m-{i}" for i in range(6)], [f"c-{i}" for i in range(4)]

    def some_time() -> datetime:
        return start + draw.randrange(-40, 200) * QUARTER + draw.choice([0, 0, 1]) * QUARTER / 2

    utility = Utility()
    for meter in meters:
        for i in range(192):
            if draw.random() < 0.9:
                utility.readings[start + i * QUARTER, meter] = round(draw.uniform(0, 5), 3)
        for _ in range(draw.randrange(4)):
            utility.customer_of[some_time(), meter] = draw.choice(customers)
        for _ in range(draw.randrange(5)):
            factor = draw.choice([None, 0.5, 2.0, 40.0])
            utility.scale_of[some_time(), meter] = factor, draw.choice([None, some_time()])
    for customer in customers:
        for _ in range(draw.randrange(1, 4)):
            utility.segment_of[some_time(), customer] = draw.choice(["household", "solar", "farm"])
    return utility


def test_reading_is_scaled_by_the_version_of_its_own_time(questdb: Database) -> None:
    """Two versions of a factor change the values, never the number of rows."""
    utility = one_meter()
    utility.scale_of = {
        (LONG_AGO, "m-1"): (2.0, NOON),
        (NOON, "m-1"): (3.0, None),
        (LONG_AGO, "m-2"): (99.0, None),
    }
    store(questdb, utility)

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
    store(questdb, utility)

    assert profile(questdb, "m-1", NOON, NOON + QUARTER) == [(NOON, kwh)]


def test_range_takes_its_start_and_leaves_its_end(questdb: Database) -> None:
    store(questdb, one_meter())

    assert profile(questdb, "m-1", NOON, NOON + QUARTER) == [(NOON, 1.0)]
    assert profile(questdb, "m-1", NOON + timedelta(microseconds=1), NOON + QUARTER) == []


def test_customer_counts_for_the_segment_of_the_time(questdb: Database) -> None:
    """Also where only the earlier segment is asked for: it does not live on."""
    store(questdb, one_meter(household=LONG_AGO, farm=NOON))
    around = TimeRange(NOON - HOUR, NOON + HOUR)

    assert segment_load(questdb, ["household"], around) == [(NOON - HOUR, "household", 4.0, 4.0)]
    assert segment_load(questdb, ["farm", "household"], around) == [
        (NOON - HOUR, "household", 4.0, 4.0),
        (NOON, "farm", 4.0, 4.0),
    ]


def test_mean_power_is_over_the_part_of_the_bucket_in_the_range(questdb: Database) -> None:
    store(questdb, one_meter(household=LONG_AGO))
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
    store(questdb, one_meter(household=LONG_AGO))
    whole = TimeRange(NOON - HOUR, NOON + HOUR)

    rows = segment_load(questdb, ["household"], whole, f"2{unit}")

    assert sum(kwh for _, _, kwh, _ in rows) == 8.0


@pytest.mark.parametrize("seed", range(3))
def test_segment_load_equals_the_plain_sum(questdb: Database, seed: int) -> None:
    utility = random_utility(seed)
    store(questdb, utility)
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
    store(questdb, utility)
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
    store(questdb, utility)

    assert profile(questdb, name, NOON - HOUR, NOON + HOUR) == [(NOON, 7.0)]
    assert segment_load(questdb, [name], TimeRange(NOON, NOON + HOUR)) == [(NOON, name, 7.0, 7.0)]
