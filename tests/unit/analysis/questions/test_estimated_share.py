"""Shares of estimated readings: the samples by an independent count, and flags of all kinds."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from tests.unit.analysis.questions.question_rig import BERLIN, SAMPLE_WEEK, Row, ask
from tests.unit.queries.query_rig import (
    LONG_AGO,
    Database,
    sample_column,
    sample_readings,
    store,
)

from utility_ts_analytics.queries.time_range import TimeRange

pytestmark = pytest.mark.questdb

START = datetime(2024, 6, 3, 22, tzinfo=UTC)  # midnight in Berlin
DAY = TimeRange(START, START + timedelta(days=1))
QUARTER = timedelta(minutes=15)
ESTIMATED_FLAGS = ("ESTIMATED", "ESTIMATE", "EST", "E", "SUBSTITUTED", "SUBSTITUTE", "SUB", "S")
TUESDAY = date(2024, 6, 4)


def shares(
    database: Database,
    period: TimeRange,
    group: str = "meter",
    estimated_flags: Sequence[str] = ESTIMATED_FLAGS,
) -> list[Row]:
    return ask(
        database,
        "estimated_share",
        period,
        *("local_day", "group_name", "readings", "estimated", "not_stated"),
        *("estimated_pct", "not_stated_pct", "energy_kwh", "estimated_kwh", "not_stated_kwh"),
        *("estimated_kwh_pct", "not_stated_kwh_pct"),
        group=group,
        zone=BERLIN,
        estimated_flags=estimated_flags,
    )


def store_flags(database: Database, readings: Sequence[tuple[str, float, str | None]]) -> None:
    """One reading a quarter from midnight on: meter, kWh, flag."""
    store(
        database,
        meter_usage=[
            {"ts": START + i * QUARTER, "meter_id": meter, "kwh": kwh, "quality_flag": flag}
            for i, (meter, kwh, flag) in enumerate(readings)
        ],
        meter_feeder_map=[],
        meter_scale_map=[],
    )


@pytest.mark.parametrize("by", ["meter", "feeder"])
def test_shares_of_the_samples_equal_those_of_the_raw_files(
    sample_questdb: Database, by: str
) -> None:
    feeder = sample_column("meter_feeder_map", "meter_id", "feeder_id")
    cells: defaultdict[tuple[date, str], list[float]] = defaultdict(lambda: [0, 0, 0.0, 0.0])
    for ts, meter, kwh, flag in sample_readings():
        local = ts.astimezone(ZoneInfo(BERLIN))
        day = local.date()
        cell = cells[day, feeder[meter] if by == "feeder" else meter]
        cell[0] += 1
        cell[1] += flag == "ESTIMATED"
        cell[2] += abs(kwh)
        cell[3] += abs(kwh) * (flag == "ESTIMATED")
    assert sum(cell[1] for cell in cells.values()) > 1000

    rows = shares(sample_questdb, SAMPLE_WEEK, by)

    assert [row[:2] for row in rows] == sorted(cells)
    for row, key in zip(rows, sorted(cells), strict=True):
        count, estimated, kwh, estimated_kwh = cells[key]
        assert row[2:7] == (count, estimated, 0, pytest.approx(100 * estimated / count), 0.0)
        assert row[7:10] == (pytest.approx(kwh), pytest.approx(estimated_kwh), 0.0)
        assert row[10] == (pytest.approx(100 * estimated_kwh / kwh) if kwh else None)


def test_null_flag_is_neither_estimated_nor_measured(questdb: Database) -> None:
    store_flags(
        questdb, [("a", 1.0, "VALID"), ("a", 2.0, None), ("a", 4.0, "ESTIMATED"), ("a", 1.0, "")]
    )

    assert shares(questdb, DAY) == [(TUESDAY, "a", 4, 1, 1, 25.0, 25.0, 8.0, 4.0, 2.0, 50.0, 25.0)]


def test_default_flags_count_in_any_case(questdb: Database) -> None:
    flags = [f for flag in ESTIMATED_FLAGS for f in (flag, flag.lower(), flag.capitalize())]
    flags.append("estimateD")
    others = ["VALID", "A", "F", "ESTIMATED ", "NOT ESTIMATED", "V", "N"]
    store_flags(
        questdb, [("e", 1.0, flag) for flag in flags] + [("m", 1.0, flag) for flag in others]
    )

    rows = shares(questdb, DAY)
    assert [row[1:4] for row in rows] == [
        ("e", len(flags), len(flags)),
        ("m", len(others), 0),
    ]


def test_other_flags_can_count_instead(questdb: Database) -> None:
    store_flags(questdb, [("a", 1.0, flag) for flag in ("E", "F", "E52", "it's", "VALID")])

    found = shares(questdb, DAY, estimated_flags=["F", "E52", "IT'S"])
    assert [row[3] for row in found] == [3]


def test_energy_is_scaled_and_without_its_sign(questdb: Database) -> None:
    """An export register (factor -1) on the feeder does not hide what the other drew."""
    store_flags(questdb, [("imp", 3.0, "VALID"), ("exp", 1.0, "E"), ("none", 0.0, "E")])
    store(
        questdb,
        meter_scale_map=[
            {"valid_from": LONG_AGO, "meter_id": "exp", "scale_factor": -1.0},
            {"valid_from": LONG_AGO, "meter_id": "imp", "scale_factor": 3.0},
        ],
        meter_feeder_map=[
            {"valid_from": LONG_AGO, "meter_id": "imp", "feeder_id": "F", "valid_to": None},
            {"valid_from": LONG_AGO, "meter_id": "exp", "feeder_id": "F", "valid_to": None},
            {"valid_from": LONG_AGO, "meter_id": "none", "feeder_id": "F", "valid_to": START},
        ],
    )

    assert shares(questdb, DAY, "feeder") == [
        (TUESDAY, "F", 2, 1, 0, 50.0, 0.0, 10.0, 1.0, 0.0, 10.0, 0.0),
        (TUESDAY, None, 1, 1, 0, 100.0, 0.0, 0.0, 0.0, 0.0, None, None),
    ]


@pytest.mark.parametrize(
    ("start", "hours"),
    [(datetime(2024, 3, 30, 23, tzinfo=UTC), 23), (datetime(2024, 10, 26, 22, tzinfo=UTC), 25)],
    ids=["march", "october"],
)
def test_day_of_a_clock_change_is_one_day(questdb: Database, start: datetime, hours: int) -> None:
    store(
        questdb,
        meter_usage=[
            {"ts": start + i * QUARTER, "meter_id": "a", "kwh": 1.0, "quality_flag": "E"}
            for i in range(-1, hours * 4 + 1)
        ],
        meter_scale_map=[],
    )
    asked = TimeRange(start - QUARTER, start + timedelta(hours=hours) + QUARTER)

    rows = shares(questdb, asked)
    assert [row[3] for row in rows] == [1, hours * 4, 1]
