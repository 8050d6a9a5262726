"""Shares of estimated readings: the samples by an independent count, and flags of all kinds."""

import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.queries.query_rig import (
    LONG_AGO,
    Database,
    rows_of,
    sample_column,
    sample_readings,
    store,
)

from utility_ts_analytics.queries.quality import ESTIMATED_FLAGS, estimated_share_sql
from utility_ts_analytics.queries.saved import SAMPLE_WEEK
from utility_ts_analytics.queries.time_range import TimeRange

BERLIN = "Europe/Berlin"
START = datetime(2024, 6, 3, 22, tzinfo=UTC)  # midnight in Berlin
DAY = TimeRange(START, START + timedelta(days=1))
QUARTER = timedelta(minutes=15)
TUESDAY = datetime(2024, 6, 4, tzinfo=UTC)
values = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))


def shape(sql: str) -> str:
    """The statement with every text literal blanked: what a value must never change."""
    return re.sub(r"'(?:[^']|'')*'", "?", sql, flags=re.DOTALL)


def spellings(text: str) -> int:
    return len({text, text.upper(), text.lower(), text.capitalize()})


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


@pytest.mark.questdb
@pytest.mark.parametrize("by", ["meter", "feeder"])
def test_shares_of_the_samples_equal_those_of_the_raw_files(
    sample_questdb: Database, by: str
) -> None:
    feeder = sample_column("meter_feeder_map", "meter_id", "feeder_id")
    cells: defaultdict[tuple[datetime, str], list[float]] = defaultdict(lambda: [0, 0, 0.0, 0.0])
    for ts, meter, kwh, flag in sample_readings():
        local = ts.astimezone(ZoneInfo(BERLIN))
        day = datetime(local.year, local.month, local.day, tzinfo=UTC)
        cell = cells[day, feeder[meter] if by == "feeder" else meter]
        cell[0] += 1
        cell[1] += flag == "ESTIMATED"
        cell[2] += abs(kwh)
        cell[3] += abs(kwh) * (flag == "ESTIMATED")
    assert sum(cell[1] for cell in cells.values()) > 1000

    sql = estimated_share_sql(SAMPLE_WEEK, BERLIN, by="feeder" if by == "feeder" else "meter")
    rows = rows_of(sample_questdb, sql)

    assert [row[:2] for row in rows] == sorted(cells)
    for row, key in zip(rows, sorted(cells), strict=True):
        count, estimated, kwh, estimated_kwh = cells[key]
        assert row[2:7] == (count, estimated, 0, pytest.approx(100 * estimated / count), 0.0)
        assert row[7:10] == (pytest.approx(kwh), pytest.approx(estimated_kwh), 0.0)
        assert row[10] == (pytest.approx(100 * estimated_kwh / kwh) if kwh else None)


@pytest.mark.questdb
def test_null_flag_is_neither_estimated_nor_measured(questdb: Database) -> None:
    store_flags(
        questdb, [("a", 1.0, "VALID"), ("a", 2.0, None), ("a", 4.0, "ESTIMATED"), ("a", 1.0, "")]
    )

    assert rows_of(questdb, estimated_share_sql(DAY, BERLIN)) == [
        (TUESDAY, "a", 4, 1, 1, 25.0, 25.0, 8.0, 4.0, 2.0, 50.0, 25.0)
    ]


@pytest.mark.questdb
def test_default_flags_count_in_their_usual_spellings(questdb: Database) -> None:
    flags = [f for flag in ESTIMATED_FLAGS for f in (flag, flag.lower(), flag.capitalize())]
    others = ["VALID", "A", "F", "estimateD", "ESTIMATED ", "NOT ESTIMATED", "V", "N"]
    store_flags(
        questdb, [("e", 1.0, flag) for flag in flags] + [("m", 1.0, flag) for flag in others]
    )

    rows = rows_of(questdb, estimated_share_sql(DAY, BERLIN))
    assert [row[1:4] for row in rows] == [
        ("e", len(flags), len(flags)),
        ("m", len(others), 0),
    ]


@pytest.mark.questdb
def test_other_flags_can_count_instead(questdb: Database) -> None:
    store_flags(questdb, [("a", 1.0, flag) for flag in ("E", "F", "E52", "it's", "VALID")])

    sql = estimated_share_sql(DAY, BERLIN, estimated_flags=["F", "E52", "it's"])
    assert [row[3] for row in rows_of(questdb, sql)] == [3]


@pytest.mark.questdb
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

    assert rows_of(questdb, estimated_share_sql(DAY, BERLIN, by="feeder")) == [
        (TUESDAY, None, 1, 1, 0, 100.0, 0.0, 0.0, 0.0, 0.0, None, None),
        (TUESDAY, "F", 2, 1, 0, 50.0, 0.0, 10.0, 1.0, 0.0, 10.0, 0.0),
    ]


@pytest.mark.questdb
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

    rows = rows_of(questdb, estimated_share_sql(asked, BERLIN))
    assert [row[3] for row in rows] == [1, hours * 4, 1]


@given(values, values)
def test_no_value_changes_the_statement(meter: str, flag: str) -> None:
    sql = shape(estimated_share_sql(DAY, BERLIN, estimated_flags=[flag], meters=[meter]))

    # A flag stands as many times as it has spellings, in each of the conditions.
    listed = ", ".join("?" for _ in range(spellings(flag)))
    plain = shape(estimated_share_sql(DAY, BERLIN, estimated_flags=["1"], meters=["m-1"]))
    assert sql == plain.replace("mu.quality_flag IN (?)", f"mu.quality_flag IN ({listed})")


@pytest.mark.parametrize("flags", [[], "E"], ids=["none", "one text"])
def test_flags_that_are_no_list_are_refused(flags: list[str] | str) -> None:
    with pytest.raises(ValueError, match="cannot query flags"):
        estimated_share_sql(DAY, BERLIN, estimated_flags=flags)


def test_other_keys_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot count by 'plant'"):
        estimated_share_sql(DAY, BERLIN, by="plant")  # type: ignore[arg-type] # on purpose
