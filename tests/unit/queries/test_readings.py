"""Typed queries for readings: their text, and their answers on a real QuestDB."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.queries.query_rig import Database, shape, store_rows
from tests.unit.queries.sample_files import sample_files

from utility_ts_analytics.database.pool import connected
from utility_ts_analytics.database.reads import Query, fetch_rows
from utility_ts_analytics.database.typed_query import RowT
from utility_ts_analytics.queries.readings import (
    LoadInterval,
    generation_output_scan,
    latest_reading,
    latest_readings,
    load_profile,
    meter_usage_scan,
)
from utility_ts_analytics.queries.time_range import TimeRange

SAMPLE_WEEK = TimeRange(datetime(2024, 6, 3, tzinfo=UTC), datetime(2024, 6, 10, tzinfo=UTC))
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)
AROUND = TimeRange(NOON - HOUR, NOON + HOUR)
texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))
HOSTILE = ["' OR '1'='1", "'; DROP TABLE meter_usage; --", "\\", "$1", "ä\n"]


@given(texts)
def test_no_name_changes_a_statement(name: str) -> None:
    assert latest_reading(name).sql == latest_reading("m-1").sql
    for of, plain in (
        (load_profile(name, AROUND), load_profile("m-1", AROUND)),
        (meter_usage_scan(AROUND, [name]), meter_usage_scan(AROUND, ["m-1"])),
        (generation_output_scan(AROUND, [name]), generation_output_scan(AROUND, ["p-1"])),
    ):
        assert shape(of.sql) == shape(plain.sql)


def test_bad_values_are_refused() -> None:
    with pytest.raises(ValueError, match="the list is empty"):
        meter_usage_scan(AROUND, [])
    with pytest.raises(ValueError, match="not the one text 'p-1'"):
        generation_output_scan(AROUND, "p-1")
    with pytest.raises(ValueError, match=r"U\+0000"):
        latest_reading("m\x00")
    with pytest.raises(ValueError, match="it has no time zone"):
        latest_readings(datetime(2026, 3, 1))


def answer(database: Database, query: Query[RowT]) -> list[RowT]:
    """The rows of the answer, checked against the row type."""

    async def ask() -> list[RowT]:
        async with connected(database.pg_uri) as connection:
            return await fetch_rows(connection, query)

    return asyncio.run(ask())


def stored(database: Database, *rows: tuple[datetime, str, float]) -> None:
    store_rows(
        database,
        {
            "meter_usage (ts, meter_id, kwh)": rows,
            "meter_scale_map (valid_from, meter_id, scale_factor, valid_to)": [
                (NOON, "m-1", -1.0, None)
            ],
        },
    )


@pytest.mark.parametrize(("minutes", "hours"), [(1, 1 / 60), (15, 0.25), (60, 1.0), (1440, 24.0)])
def test_length_in_hours_is_a_number_with_a_fraction(minutes: int, hours: float) -> None:
    """A whole number would make QuestDB divide whole numbers."""
    sql = load_profile("m-1", AROUND, interval_minutes=minutes).sql
    text = sql.partition("kwh / ")[2].partition(" ")[0]
    assert float(text) == hours
    assert "." in text


@pytest.mark.parametrize("minutes", [-15, 0, 7, 25, 2880])
def test_length_that_is_no_part_of_a_day_is_refused(minutes: int) -> None:
    with pytest.raises(ValueError, match=f"an interval of {minutes} minutes"):
        load_profile("m-1", AROUND, interval_minutes=minutes)


@pytest.mark.questdb
def test_latest_is_the_newest_of_each_meter_not_scaled(questdb: Database) -> None:
    stored(questdb, (NOON, "m-1", 1.0), (NOON + HOUR, "m-1", 2.0), (NOON - HOUR, "m-2", 3.0))

    newest = [(row.ts, row.meter_id, row.kwh) for row in answer(questdb, latest_readings())]
    assert newest == [(NOON - HOUR, "m-2", 3.0), (NOON + HOUR, "m-1", 2.0)]
    assert [row.kwh for row in answer(questdb, latest_readings(NOON))] == [2.0]
    (one,) = answer(questdb, latest_reading("m-1"))
    assert (one.ts, one.kwh, one.event_id, one.quality_flag) == (NOON + HOUR, 2.0, None, None)
    assert answer(questdb, latest_reading("m-3")) == []


@pytest.mark.questdb
def test_profile_is_scaled_and_power_is_energy_by_hours(questdb: Database) -> None:
    """The factor begins at noon; two intervals are missing and stay so."""
    stored(questdb, (NOON - QUARTER, "m-1", 1.0), (NOON + 2 * QUARTER, "m-1", 2.0))

    assert answer(questdb, load_profile("m-1", AROUND)) == [
        LoadInterval(NOON - QUARTER, 1.0, 4.0),
        LoadInterval(NOON + 2 * QUARTER, -2.0, -8.0),
    ]
    hourly = answer(questdb, load_profile("m-1", AROUND, interval_minutes=60))
    assert [row.mean_kw for row in hourly] == [1.0, -2.0]


@pytest.mark.questdb
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_name_finds_its_own_rows_only(questdb: Database, name: str) -> None:
    stored(questdb, (NOON, "m-1", 1.0), (NOON, name, 7.0))

    for query in (latest_reading(name), meter_usage_scan(AROUND, [name])):
        assert [(row.meter_id, row.kwh) for row in answer(questdb, query)] == [(name, 7.0)]
    assert answer(questdb, load_profile(name, AROUND)) == [LoadInterval(NOON, 7.0, 28.0)]


@pytest.mark.questdb
def test_scan_takes_its_start_and_leaves_its_end(questdb: Database) -> None:
    stored(questdb, (NOON, "m-1", 1.0), (NOON + HOUR, "m-1", 2.0), (NOON, "m-2", 3.0))
    hour = TimeRange(NOON, NOON + HOUR)

    rows = answer(questdb, meter_usage_scan(hour))
    assert sorted((row.meter_id, row.kwh) for row in rows) == [("m-1", 1.0), ("m-2", 3.0)]
    assert [row.kwh for row in answer(questdb, meter_usage_scan(hour, ["m-2", "m-9"]))] == [3.0]


@pytest.mark.questdb
def test_scan_of_samples_is_the_file(sample_questdb: Database) -> None:
    """A morning of two meters, and one plant; every column."""
    morning = TimeRange(SAMPLE_WEEK.start, SAMPLE_WEEK.start + timedelta(hours=6))
    usage = answer(sample_questdb, meter_usage_scan(morning, ["M-F1-001", "M-F2-010"]))
    generation = answer(sample_questdb, generation_output_scan(morning, ["PLANT-SOLAR"]))

    with sample_files() as files:
        assert (
            sorted(
                (
                    r.ts,
                    r.meter_id,
                    r.premise_id,
                    r.kwh,
                    r.kvarh,
                    r.kva_demand,
                    r.quality_flag,
                    r.source_system,
                )
                for r in usage
            )
            == files.execute(
                "SELECT ts, meter_id, premise_id, kwh, kvarh, kva_demand, quality_flag,"
                " source_system FROM meter_usage WHERE meter_id IN ('M-F1-001', 'M-F2-010')"
                " AND ts < TIMESTAMPTZ '2024-06-03 06:00:00Z' ORDER BY ts, meter_id"
            ).fetchall()
        )
        assert (
            sorted(
                (r.ts, r.plant_id, r.unit_id, r.mw, r.mvar, r.status, r.fuel_type)
                for r in generation
            )
            == files.execute(
                "SELECT ts, plant_id, unit_id, mw, mvar, status, fuel_type FROM generation_output"
                " WHERE plant_id = 'PLANT-SOLAR' AND ts < TIMESTAMPTZ '2024-06-03 06:00:00Z'"
                " ORDER BY ts, unit_id"
            ).fetchall()
        )
    assert len(usage) == 48
    assert len(generation) == 48


@pytest.mark.questdb
def test_profile_of_samples_equals_the_raw_files(sample_questdb: Database) -> None:
    """A meter behind a current transformer, and a register of exports."""
    with sample_files() as files:
        (commercial,) = files.execute(
            "SELECT min(meter_id) FROM meter_scale_map WHERE scale_factor = 40"
        ).fetchone() or [None]
        for meter in (str(commercial), "M-F1-081-EXP"):
            expected = files.execute(
                "SELECT ts, kwh, kwh * 4 FROM scaled WHERE meter_id = ? ORDER BY ts", [meter]
            ).fetchall()
            rows = answer(sample_questdb, load_profile(meter, SAMPLE_WEEK))
            assert len(rows) == 672
            assert [row.ts for row in rows] == [ts for ts, _, _ in expected]
            assert [row.kwh for row in rows] == pytest.approx([kwh for _, kwh, _ in expected])
            assert [row.mean_kw for row in rows] == pytest.approx([kw for _, _, kw in expected])
