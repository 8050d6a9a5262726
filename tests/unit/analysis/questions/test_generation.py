"""Generation on a real QuestDB: small cases worked out by hand, and the samples by DuckDB."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from tests.unit.analysis.questions.question_rig import BERLIN, SAMPLE_WEEK, Row, ask
from tests.unit.queries.query_rig import Database, store_rows
from tests.unit.queries.sample_files import sample_files

from utility_ts_analytics.queries.time_range import TimeRange

pytestmark = pytest.mark.questdb

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
ONE_HOUR = TimeRange(NOON, NOON + HOUR)


def stored(database: Database, *rows: Row, plants: tuple[Row, ...] = ()) -> None:
    """Rows of (quarter from noon, plant, unit, MW, fuel); plants of (since, id, fuel, MW)."""
    store_rows(
        database,
        {
            "generation_output (ts, plant_id, unit_id, mw, fuel_type)": [
                (NOON + quarter * QUARTER, *rest) for quarter, *rest in _with_quarter(rows)
            ],
            "plants (valid_from, plant_id, fuel_type, capacity_mw)": plants,
        },
    )


def _with_quarter(rows: tuple[Row, ...]) -> list[tuple[int, *tuple[object, ...]]]:
    return [(int(str(row[0])), *row[1:]) for row in rows]


def by_fuel(
    database: Database,
    time_range: TimeRange = ONE_HOUR,
    every: str = "1 hour",
    *,
    zone: str = "UTC",
    interval_minutes: int = 15,
) -> list[Row]:
    return ask(
        database,
        "generation_by_fuel",
        time_range,
        *("ts", "fuel_type", "mwh", "mean_mw"),
        every=every,
        zone=zone,
        interval_minutes=interval_minutes,
    )


def factors(database: Database, time_range: TimeRange = ONE_HOUR) -> list[Row]:
    return ask(
        database,
        "capacity_factor",
        time_range,
        *("plant_id", "mwh", "capacity_mwh", "capacity_factor"),
        *("hours_with_data", "coverage_pct", "capacity_factor_with_data"),
    )


def test_energy_is_mean_power_by_hours(questdb: Database) -> None:
    """Two units of one plant at 4 and 6 MW for two quarters: 5 MWh, a mean of 5 MW."""
    stored(
        questdb,
        (0, "p", "U1", 4.0, "GAS"),
        (0, "p", "U2", 6.0, "GAS"),
        (1, "p", "U1", 4.0, "GAS"),
        (1, "p", "U2", 6.0, "GAS"),
    )

    assert by_fuel(questdb) == [(NOON, "GAS", 5.0, 5.0)]
    assert by_fuel(questdb, every="15 minutes") == [
        (NOON, "GAS", 2.5, 10.0),
        (NOON + QUARTER, "GAS", 2.5, 10.0),
    ]


def test_mean_power_is_over_the_part_of_the_bucket_in_the_range(questdb: Database) -> None:
    stored(
        questdb, (1, "p", "U1", 4.0, "GAS"), (2, "p", "U1", 4.0, "GAS"), (3, "p", "U1", 4.0, "GAS")
    )
    part = TimeRange(NOON + QUARTER, NOON + 3 * QUARTER)

    assert by_fuel(questdb, part) == [(NOON, "GAS", 2.0, 4.0)]
    assert by_fuel(questdb, part, "1 month") == [(NOON.replace(hour=0), "GAS", 2.0, 4.0)]


def test_plant_as_a_whole_counts_instead_of_its_units(questdb: Database) -> None:
    """Interval by interval: with both, with the plant alone, with units alone; another plant."""
    stored(
        questdb,
        (0, "p", None, 10.0, None),
        (0, "p", "U1", 4.0, "GAS"),
        (0, "p", "U2", 5.0, "OIL"),
        (1, "p", None, 8.0, None),
        (2, "p", "U1", 4.0, "GAS"),
        (2, "p", "U2", 2.0, "OIL"),
        (0, "q", "U1", 1.0, "SUN"),
        plants=((LONG_AGO, "p", "COAL", 20.0),),
    )

    assert by_fuel(questdb, every="15 minutes") == [
        (NOON, "COAL", 2.5, 10.0),
        (NOON, "SUN", 0.25, 1.0),
        (NOON + QUARTER, "COAL", 2.0, 8.0),
        (NOON + 2 * QUARTER, "GAS", 1.0, 4.0),
        (NOON + 2 * QUARTER, "OIL", 0.5, 2.0),
    ]
    assert factors(questdb)[0] == ("p", 6.0, 20.0, 0.3, 0.75, 75.0, 0.4)


def test_plant_row_without_a_value_does_not_hide_its_units(questdb: Database) -> None:
    stored(questdb, (0, "p", None, None, "GAS"), (0, "p", "U1", 4.0, "GAS"))

    assert by_fuel(questdb) == [(NOON, "GAS", 1.0, 1.0)]


def test_fuel_is_of_the_reading_then_of_the_plant_at_the_time_then_null(questdb: Database) -> None:
    stored(
        questdb,
        (0, "p", "U1", 4.0, "GAS"),
        (1, "p", "U1", 4.0, None),
        (2, "p", "U1", 4.0, None),
        (0, "q", "U1", 8.0, None),
        plants=((LONG_AGO, "p", "COAL", 1.0), (NOON + 2 * QUARTER, "p", "WOOD", 1.0)),
    )

    assert by_fuel(questdb) == [
        (NOON, "COAL", 1.0, 1.0),
        (NOON, "GAS", 1.0, 1.0),
        (NOON, "WOOD", 1.0, 1.0),
        (NOON, None, 2.0, 2.0),
    ]


def test_shorter_intervals_are_averaged_in_the_longest(questdb: Database) -> None:
    """Quarters of p at 1, 2, 3, 6 MW are 3 MWh in the hour; q sends one value an hour."""
    stored(
        questdb,
        *((i, "p", "U1", mw, "GAS") for i, mw in enumerate((1.0, 2.0, 3.0, 6.0))),
        (0, "q", "U1", 5.0, "SUN"),
    )

    assert by_fuel(questdb, interval_minutes=60) == [
        (NOON, "GAS", 3.0, 3.0),
        (NOON, "SUN", 5.0, 5.0),
    ]


def test_storage_that_charges_lowers_the_energy(questdb: Database) -> None:
    stored(questdb, (0, "p", "U1", 4.0, "BATTERY"), (1, "p", "U1", -6.0, "BATTERY"))

    assert by_fuel(questdb) == [(NOON, "BATTERY", -0.5, -0.5)]


@pytest.mark.parametrize(
    ("day", "hours"), [(datetime(2026, 3, 29), 23), (datetime(2026, 10, 25), 25)], ids=["23", "25"]
)
def test_local_day_has_the_hours_that_it_has(questdb: Database, day: datetime, hours: int) -> None:
    """2 MW all day and a day around it: energy of its own 23 or 25 hours, mean power 2 MW."""
    berlin = ZoneInfo("Europe/Berlin")
    start = day.replace(tzinfo=berlin).astimezone(UTC)
    end = (day + timedelta(days=1)).replace(tzinfo=berlin).astimezone(UTC)
    first = start - timedelta(days=1)
    store_rows(
        questdb,
        {
            "generation_output (ts, plant_id, unit_id, mw, fuel_type)": [
                (first + i * HOUR, "p", "U1", 2.0, "GAS") for i in range(24 + hours + 24)
            ],
            "plants (valid_from, plant_id)": [],
        },
    )
    around = TimeRange(first, end + timedelta(days=1))

    assert by_fuel(questdb, around, "1 day", zone=BERLIN, interval_minutes=60) == [
        (first, "GAS", 48.0, 2.0),
        (start, "GAS", 2.0 * hours, 2.0),
        (end, "GAS", 48.0, 2.0),
    ]


def test_capacity_counts_as_of_its_time(questdb: Database) -> None:
    """10 MW, 30 MW from half past on: 20 MWh could have been; 2.5 + 5 MWh were."""
    stored(
        questdb,
        (0, "p", "U1", 10.0, None),
        (2, "p", "U1", 20.0, None),
        plants=((LONG_AGO, "p", "GAS", 10.0), (NOON + 2 * QUARTER, "p", "GAS", 30.0)),
    )

    assert factors(questdb) == [("p", 7.5, 20.0, 0.375, 0.5, 50.0, 0.75)]


def test_energy_from_before_a_capacity_was_known_is_in_no_factor(questdb: Database) -> None:
    stored(
        questdb,
        (0, "p", "U1", 8.0, None),
        (2, "p", "U1", 4.0, None),
        plants=((NOON + 2 * QUARTER, "p", "GAS", 8.0),),
    )

    assert factors(questdb) == [("p", 3.0, 4.0, 0.25, 0.5, 50.0, 0.5)]


def test_plant_without_readings_or_without_capacity_is_there(questdb: Database) -> None:
    """Neither is zero: what is not known is null."""
    stored(
        questdb,
        (0, "no capacity", "U1", 8.0, None),
        (0, "null", "U1", 8.0, None),
        (0, "nil", "U1", 0.0, None),
        plants=(
            (LONG_AGO, "no readings", "GAS", 8.0),
            (LONG_AGO, "null", "GAS", None),
            (LONG_AGO, "nil", "GAS", 0.0),
            (NOON + HOUR, "later", "GAS", 8.0),
        ),
    )

    assert factors(questdb) == [
        ("nil", 0.0, 0.0, None, 0.25, 25.0, None),
        ("no capacity", 2.0, None, None, 0.25, 25.0, None),
        ("no readings", None, 8.0, None, 0.0, 0.0, None),
        ("null", 2.0, None, None, 0.25, 25.0, None),
    ]


def test_samples_by_fuel_equal_the_raw_files(sample_questdb: Database) -> None:
    """By local days, the first and the last of them cut by the week; and all of it."""
    with sample_files() as files:
        expected = files.execute(
            "SELECT timezone('Europe/Berlin', date_trunc('day', timezone('Europe/Berlin', ts)))"
            " AS d, fuel_type, sum(mw) / 4 AS mwh, sum(mw) / 4 / (count(DISTINCT ts) / 4) AS mean"
            " FROM generation_output GROUP BY ALL ORDER BY d, fuel_type"
        ).fetchall()
    assert len(expected) == 16

    rows = by_fuel(sample_questdb, SAMPLE_WEEK, "1 day", zone=BERLIN)

    assert [row[:2] for row in rows] == [row[:2] for row in expected]
    assert [row[2] for row in rows] == pytest.approx([row[2] for row in expected])
    assert [row[3] for row in rows] == pytest.approx([row[3] for row in expected])
    whole = by_fuel(sample_questdb, SAMPLE_WEEK, "1 year")
    assert [row[2] for row in whole] == pytest.approx([1.4112, 1.5642])  # expected.json


def test_samples_capacity_factors_equal_the_raw_files(sample_questdb: Database) -> None:
    with sample_files() as files:
        expected = files.execute(
            "SELECT plant_id, sum(mw) / 4, any_value(capacity_mw) * 168,"
            " sum(mw) / 4 / (any_value(capacity_mw) * 168)"
            " FROM generation_output JOIN plants USING (plant_id) GROUP BY plant_id ORDER BY ALL"
        ).fetchall()

    rows = factors(sample_questdb, SAMPLE_WEEK)

    assert [row[0] for row in rows] == ["PLANT-HYDRO", "PLANT-SOLAR"]
    for row, by_hand in zip(rows, expected, strict=True):
        assert row[1:4] == pytest.approx(by_hand[1:4])
        assert row[4:6] == (168.0, 100.0)
        assert row[6] == pytest.approx(by_hand[3])
