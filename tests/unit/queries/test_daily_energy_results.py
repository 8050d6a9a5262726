"""The views and the questions over them, beside Polars on the raw files of `data-samples`."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from tests.conftest import SAMPLES, TestQuestDB
from tests.materialized_views import applied_views, refresh

from utility_ts_analytics.queries.daily_energy import feeder_day_demand_sql, feeder_day_supply_sql
from utility_ts_analytics.queries.time_range import TimeRange

pytestmark = pytest.mark.questdb

ZONE = "Europe/Berlin"
COPY = "meter_usage_views"
WEEK_UTC = TimeRange(datetime(2024, 6, 3, tzinfo=UTC), datetime(2024, 6, 10, tzinfo=UTC))
DAYS = TimeRange(WEEK_UTC.start - timedelta(hours=2), WEEK_UTC.end + timedelta(hours=22))
"""All that have samples, as days of `ZONE`; the first and the last are short."""

# A correction, a reading that was never there, one long before all others, and one set to zero.
CHANGES = [
    (datetime(2024, 6, 3, 9, tzinfo=UTC), "M-F1-020", 100.0),
    (datetime(2024, 6, 3, 10, tzinfo=UTC), "M-F1-020", 7.0),
    (datetime(2024, 5, 1, 22, 15, tzinfo=UTC), "M-F2-010", 1.5),
    (datetime(2024, 6, 9, 23, 45, tzinfo=UTC), "M-F3-001", 0.0),
]


@pytest.fixture(scope="module")
def readings() -> pl.DataFrame:
    """The raw file, its times read."""
    frame = pl.read_csv(SAMPLES / "meter_usage.csv.gz").select(
        pl.col("ts").str.to_datetime(time_zone="UTC"), "meter_id", pl.col("kwh").cast(pl.Float64)
    )
    assert frame.height == 134_388
    return frame


@pytest.fixture(scope="module")
def database(sample_questdb: TestQuestDB) -> Iterator[TestQuestDB]:
    """Samples with the views on the readings, and on a copy of them that may be changed."""
    create = "(SELECT ts, meter_id, kwh FROM meter_usage) TIMESTAMP(ts) PARTITION BY DAY WAL"
    sample_questdb.query(f"CREATE TABLE {COPY} AS {create} DEDUP UPSERT KEYS(ts, meter_id)")
    with (
        applied_views(sample_questdb, zone=ZONE),
        applied_views(sample_questdb, meter_table=COPY, zone=ZONE),
    ):
        refresh(sample_questdb, COPY, "meter_usage", "network_measurements")
        yield sample_questdb
    sample_questdb.query(f"DROP TABLE {COPY}")


def expected(readings: pl.DataFrame, truncated: pl.Expr) -> list[tuple[object, ...]]:
    buckets = readings.group_by(truncated.dt.convert_time_zone("UTC").alias("ts"), "meter_id").agg(
        pl.col("kwh").sum().round(6), pl.len().alias("intervals")
    )
    return sorted(buckets.iter_rows())


def stored(database: TestQuestDB, sql: str) -> list[tuple[object, ...]]:
    rows = database.query(sql)
    return sorted(
        (datetime.fromisoformat(str(ts)), meter, round(float(str(kwh)), 6), count)
        for ts, meter, kwh, count in rows
    )


def test_views_equal_the_raw_files_before_and_after_corrections_late_rows_and_duplicates(
    database: TestQuestDB, readings: pl.DataFrame
) -> None:
    local = pl.col("ts").dt.convert_time_zone(ZONE).dt.truncate("1d")
    changed = readings
    for changes in ([], CHANGES, CHANGES):
        for ts, meter, kwh in changes:
            database.query(
                f"INSERT INTO {COPY} VALUES ('{ts:%Y-%m-%dT%H:%M:%S}', '{meter}', {kwh})"
            )
            row = pl.DataFrame([(ts, meter, kwh)], schema=readings.schema, orient="row")
            kept = changed.join(row, on=["ts", "meter_id"], how="anti")
            changed = pl.concat([kept, row])
        refresh(database, COPY)
        daily = stored(database, f"SELECT ts, meter_id, kwh, intervals FROM {COPY}_daily")
        assert daily == expected(changed, local)
        base = (
            f"SELECT ts, meter_id, sum(kwh), count(kwh) FROM {COPY}"
            f" SAMPLE BY 1d ALIGN TO CALENDAR TIME ZONE '{ZONE}'"
        )
        assert daily == stored(database, base)
        hourly = stored(database, f"SELECT ts, meter_id, kwh, intervals FROM {COPY}_hourly")
        assert hourly == expected(changed, pl.col("ts").dt.truncate("1h"))


def test_supply_adds_up_to_the_energies_of_the_sample(database: TestQuestDB) -> None:
    rows = database.query(feeder_day_supply_sql(DAYS))
    energies = json.loads(Path(SAMPLES / "expected.json").read_text())["feeders"]
    for feeder, figures in energies.items():
        mine = [row for row in rows if row[2] == feeder]
        assert sum(float(str(row[3])) for row in mine) == pytest.approx(
            figures["supplied_kwh"], abs=0.0006
        )
        assert [row[4] for row in mine] == [88, *[96] * 6, 8]
    half = database.query(feeder_day_supply_sql(DAYS, interval_minutes=30))
    assert half[0][3] == pytest.approx(2 * float(str(rows[0][3])))


@pytest.fixture
def moved(questdb: TestQuestDB) -> Iterator[TestQuestDB]:
    """Sixty meters over four days of Berlin, some of which move and change in the middle of one."""
    tables = ("meter_usage", "meter_feeder_map", "meter_scale_map")
    questdb.truncate(*tables)
    questdb.query(
        "INSERT INTO meter_usage (ts, meter_id, kwh) SELECT"
        " dateadd('m', (15 * (x % 384))::int, '2024-10-25T22:00:00Z'::timestamp),"
        " 'm-' || (x / 384), (x % 97) / 8.0 FROM long_sequence(23000)"
    )
    questdb.query(
        "INSERT INTO meter_feeder_map (valid_from, meter_id, feeder_id, substation_id)"
        " SELECT '2024-01-01', 'm-' || x, 'F' || (x % 3), 'S' FROM long_sequence(55)"
    )
    for value in (
        # Moves at noon, in the repeated hour, at a day's start; a first mapping within the days;
        # one that ends.
        "'2024-10-26T10:00', 'm-1', 'F9', null",
        "'2024-10-27T01:15', 'm-2', 'F9', null",
        "'2024-10-26T22:00', 'm-3', 'F9', null",
        "'2024-10-27T12:00', 'm-58', 'F9', null",
        "'2024-01-01', 'm-4', 'F1', '2024-10-27T18:07'",
    ):
        columns = "valid_from, meter_id, feeder_id, valid_to"
        questdb.query(f"INSERT INTO meter_feeder_map ({columns}) VALUES ({value})")
    for value in (
        # Factors that end, begin, and hold all the time, one of them of a meter that moves.
        "'2024-01-01', 'm-5', 40.0, '2024-10-26T06:00'",
        "'2024-10-28T11:30', 'm-6', 8.0, null",
        "'2024-01-01', 'm-7', -1.0, null",
        "'2024-01-01', 'm-1', 2.0, null",
    ):
        columns = "valid_from, meter_id, scale_factor, valid_to"
        questdb.query(f"INSERT INTO meter_scale_map ({columns}) VALUES ({value})")
    for table in tables:
        questdb.wait_applied(table)
    with applied_views(questdb, zone=ZONE):
        refresh(questdb, "meter_usage")
        yield questdb
    questdb.truncate(*tables)


def versions_of(rows: list[tuple[object, ...]]) -> dict[str, list[tuple[str, object, str]]]:
    """By meter: (from, value, until) in order; a version ends where the next begins."""
    found: dict[str, list[tuple[str, object, str]]] = {}
    for since, meter, value, until in sorted(rows, key=lambda row: str(row[0])):
        mine = found.setdefault(str(meter), [])
        if mine:
            mine[-1] = (*mine[-1][:2], min(mine[-1][2], str(since)))
        mine.append((str(since), value, str(until or "9999")))
    return found


def at(versions: list[tuple[str, object, str]], ts: str) -> object:
    return next((value for since, value, until in versions if since <= ts < until), None)


def test_demand_follows_meters_that_move_and_factors_that_change_within_a_day(
    moved: TestQuestDB,
) -> None:
    start = datetime(2024, 10, 25, 22, tzinfo=UTC)
    days = TimeRange(start, datetime(2024, 10, 28, 23, tzinfo=UTC))
    feeders = versions_of(
        moved.query("SELECT valid_from, meter_id, feeder_id, valid_to FROM meter_feeder_map")
    )
    factors = versions_of(
        moved.query("SELECT valid_from, meter_id, scale_factor, valid_to FROM meter_scale_map")
    )
    sums: dict[tuple[str, str], float] = {}
    counts: dict[tuple[str, str], int] = {}
    meters: dict[tuple[str, str], set[str]] = {}
    starts = ["2024-10-25T22:00", "2024-10-26T22:00", "2024-10-27T23:00", "2024-10-28T23:00"]
    for ts, meter, kwh in moved.query("SELECT ts, meter_id, kwh FROM meter_usage"):
        time, name = str(ts), str(meter)
        feeder = at(feeders.get(name, []), time)
        if feeder is None or not starts[0] <= time < starts[3]:
            continue
        factor = at(factors.get(name, []), time)
        key = (max(day for day in starts if day <= time), str(feeder))
        scale = 1.0 if factor is None else float(str(factor))
        sums[key] = sums.get(key, 0.0) + float(str(kwh)) * scale
        counts[key] = counts.get(key, 0) + 1
        meters.setdefault(key, set()).add(name)
    rows = moved.query(feeder_day_demand_sql(days, zone=ZONE))
    assert [(str(row[0])[:16], row[1]) for row in rows] == sorted(sums)
    for ts, feeder, kwh, meter_count, intervals in rows:
        key = (str(ts)[:16], str(feeder))
        assert kwh == pytest.approx(sums[key])
        assert (meter_count, intervals) == (len(meters[key]), counts[key])
    assert {feeder for _, feeder in sums} == {"F0", "F1", "F2", "F9"}


def test_demand_of_the_sample_week_is_what_it_was_made_with(database: TestQuestDB) -> None:
    rows = database.query(feeder_day_demand_sql(DAYS, zone=ZONE))
    made = json.loads(Path(SAMPLES / "expected.json").read_text())
    never_read = {meter[2:4]: kwh for meter, kwh in made["missing_kwh"].items()}
    assert len(rows) == 24
    for feeder, figures in made["feeders"].items():
        mine = [row for row in rows if row[1] == feeder]
        total = sum(float(str(row[2])) for row in mine) + never_read.get(feeder, 0.0)
        assert total == pytest.approx(figures["demand_kwh"], abs=0.001)
    assert sum(int(str(row[4])) for row in rows) == 134_388
