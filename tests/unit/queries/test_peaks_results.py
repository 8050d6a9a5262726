"""Peaks on a real QuestDB: small cases worked out by hand, and the samples by DuckDB."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.queries.answers import Database, rows_of, store, values
from tests.unit.queries.sample_files import sample_files

from utility_ts_analytics.queries.peaks import (
    CoincidentPeak,
    Diversity,
    MeterPeak,
    PeakGroup,
    PeakShare,
    coincident_peaks_sql,
    diversity_sql,
    meter_peaks_sql,
    peak_shares_sql,
)
from utility_ts_analytics.queries.saved import SAMPLE_WEEK
from utility_ts_analytics.queries.time_range import TimeRange

pytestmark = pytest.mark.questdb

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
AROUND = TimeRange(NOON - HOUR, NOON + HOUR)
Readings = dict[str, dict[int, float | None]]


def stored(
    database: Database,
    readings: Readings,
    *,
    scales: tuple[tuple[object, ...], ...] = (),
    feeders: tuple[tuple[object, ...], ...] = (),
) -> None:
    """Readings by meter and quarter from noon, and versions of the maps."""
    store(
        database,
        {
            "meter_usage (ts, meter_id, kwh)": [
                (NOON + quarter * QUARTER, meter, kwh)
                for meter, by_quarter in readings.items()
                for quarter, kwh in by_quarter.items()
            ],
            "meter_scale_map (valid_from, meter_id, scale_factor, valid_to)": scales,
            "meter_feeder_map (valid_from, meter_id, feeder_id, valid_to)": feeders,
        },
    )


def peaks(
    database: Database, group: PeakGroup = "system", interval_minutes: int = 15
) -> list[tuple[object, ...]]:
    sql = coincident_peaks_sql(AROUND, group, interval_minutes=interval_minutes)
    return [values(row) for row in rows_of(database, sql, CoincidentPeak)]


def meter_peaks(
    database: Database, group: PeakGroup = "system", interval_minutes: int = 15
) -> list[tuple[object, ...]]:
    sql = meter_peaks_sql(AROUND, group, interval_minutes=interval_minutes)
    return [values(row) for row in rows_of(database, sql, MeterPeak)]


def test_peak_of_the_group_and_peaks_of_its_meters(questdb: Database) -> None:
    """Loads of 4, 10, 8 kWh a quarter: the group's peak is at no meter's own but one."""
    stored(questdb, {"m-1": {0: 3.0, 1: 5.0, 2: 6.0}, "m-2": {0: 1.0, 1: 5.0, 2: 2.0}})

    assert peaks(questdb) == [("system", NOON + QUARTER, 40.0, 2)]
    assert meter_peaks(questdb) == [
        ("system", "m-1", NOON + 2 * QUARTER, 24.0),
        ("system", "m-2", NOON + QUARTER, 20.0),
    ]
    shares = rows_of(questdb, peak_shares_sql(AROUND), PeakShare)
    assert [values(row) for row in shares] == [
        ("system", NOON + QUARTER, "m-1", 20.0, 50.0),
        ("system", NOON + QUARTER, "m-2", 20.0, 50.0),
    ]
    (ratio,) = rows_of(questdb, diversity_sql(AROUND), Diversity)
    assert values(ratio)[:5] == ("system", NOON + QUARTER, 40.0, 44.0, 2)
    assert ratio.coincidence_factor == pytest.approx(40 / 44)
    assert ratio.diversity_factor == pytest.approx(44 / 40)


def test_of_equal_loads_the_earliest_is_the_peak(questdb: Database) -> None:
    """Also where the float sum is the smaller one: 0.6 + 0.0 + 0.0 < 0.2 + 0.2 + 0.2."""
    stored(
        questdb,
        {"m-1": {1: 0.6, 3: 0.2}, "m-2": {1: 0.0, 3: 0.2}, "m-3": {-1: 0.2, 1: 0.0, 3: 0.2}},
    )

    ((_, ts, kw, _),) = peaks(questdb)
    assert ts == NOON + QUARTER
    assert kw == pytest.approx(2.4)
    assert [row[2] for row in meter_peaks(questdb)] == [
        NOON + QUARTER,
        NOON + 3 * QUARTER,
        NOON - QUARTER,
    ]


def test_factor_of_the_time_decides(questdb: Database) -> None:
    """The same readings, worth 40 times as much from half past twelve on."""
    stored(
        questdb,
        {"m-1": {0: 9.0, 1: 9.0, 2: 1.0, 3: 1.0}},
        scales=((LONG_AGO, "m-1", 1.0, None), (NOON + 2 * QUARTER, "m-1", 40.0, None)),
    )

    assert peaks(questdb) == [("system", NOON + 2 * QUARTER, 160.0, 1)]
    assert meter_peaks(questdb) == [("system", "m-1", NOON + 2 * QUARTER, 160.0)]


def test_exports_are_taken_off_the_group_and_have_no_peak_of_their_own(questdb: Database) -> None:
    """Import 4, 3; export 3, 0: the net peak is in the second quarter."""
    stored(
        questdb,
        {"m-IMP": {0: 4.0, 1: 3.0}, "m-EXP": {0: 3.0, 1: 0.0}, "m-SUN": {0: 0.5}},
        scales=((LONG_AGO, "m-EXP", -1.0, None), (LONG_AGO, "m-SUN", -1.0, None)),
    )

    assert peaks(questdb) == [("system", NOON + QUARTER, 12.0, 2)]
    rows = meter_peaks(questdb)
    assert rows == [
        ("system", "m-EXP", NOON + QUARTER, 0.0),
        ("system", "m-IMP", NOON, 16.0),
        ("system", "m-SUN", NOON, -2.0),
    ]
    assert str(rows[0][3]) == "0.0"
    (ratio,) = rows_of(questdb, diversity_sql(AROUND), Diversity)
    assert ratio.noncoincident_kw == 16.0
    assert ratio.coincidence_factor == 0.75
    shares = rows_of(questdb, peak_shares_sql(AROUND), PeakShare)
    assert [(row.meter_id, row.kw, row.share_pct) for row in shares] == [
        ("m-IMP", 12.0, 100.0),
        ("m-EXP", 0.0, 0.0),
    ]


def test_group_that_only_feeds_back_has_no_factors(questdb: Database) -> None:
    stored(questdb, {"m-1": {0: 2.0, 1: 1.0}}, scales=((LONG_AGO, "m-1", -1.0, None),))

    (ratio,) = rows_of(questdb, diversity_sql(AROUND), Diversity)
    assert values(ratio) == ("system", NOON + QUARTER, -4.0, 0.0, 1, None, None)


def test_group_without_load_has_no_shares(questdb: Database) -> None:
    stored(questdb, {"m-1": {0: 0.0}})

    (share,) = rows_of(questdb, peak_shares_sql(AROUND), PeakShare)
    assert values(share) == ("system", NOON, "m-1", 0.0, None)


def test_gaps_and_nulls_count_as_nothing_and_show_in_the_number_of_meters(
    questdb: Database,
) -> None:
    stored(questdb, {"m-1": {0: 2.0, 1: 2.5}, "m-2": {0: None, 1: None}, "m-3": {0: 1.0}})

    assert peaks(questdb) == [("system", NOON, 12.0, 2)]
    assert [row[1] for row in meter_peaks(questdb)] == ["m-1", "m-3"]


def test_meter_counts_for_the_feeder_of_the_time(questdb: Database) -> None:
    """m-1 moves from F1 to F2 at a quarter past; m-2 is on no feeder any more from noon on."""
    stored(
        questdb,
        {"m-1": {0: 1.0, 1: 2.0}, "m-2": {-1: 8.0, 0: 8.0}},
        feeders=(
            (LONG_AGO, "m-1", "F1", None),
            (NOON + QUARTER, "m-1", "F2", None),
            (LONG_AGO, "m-2", "F2", NOON),
        ),
    )

    assert peaks(questdb, "feeder") == [
        ("F1", NOON, 4.0, 1),
        ("F2", NOON - QUARTER, 32.0, 1),
    ]
    assert meter_peaks(questdb, "feeder") == [
        ("F1", "m-1", NOON, 4.0),
        ("F2", "m-1", NOON + QUARTER, 8.0),
        ("F2", "m-2", NOON - QUARTER, 32.0),
    ]
    only = coincident_peaks_sql(AROUND, "feeder", names=["F1"])
    assert [row.group_name for row in rows_of(questdb, only, CoincidentPeak)] == ["F1"]


def test_shorter_intervals_are_added_up_in_the_longest(questdb: Database) -> None:
    """Quarters of m-1 in the hour of m-2: power is energy by one hour."""
    stored(questdb, {"m-1": {0: 1.0, 1: 2.0, 2: 3.0, 3: 4.0}, "m-2": {0: 5.0, -4: 20.0}})

    assert peaks(questdb, interval_minutes=60) == [("system", NOON - HOUR, 20.0, 1)]
    assert meter_peaks(questdb, interval_minutes=60) == [
        ("system", "m-1", NOON, 10.0),
        ("system", "m-2", NOON - HOUR, 20.0),
    ]


def test_repeated_hour_of_autumn_is_two_hours(questdb: Database) -> None:
    """02:30 by the clocks of Berlin, twice: 00:30 and 01:30 UTC."""
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    store(
        questdb,
        {
            "meter_usage (ts, meter_id, kwh)": [(first, "m-1", 1.0), (first + HOUR, "m-1", 1.5)],
            "meter_scale_map (valid_from, meter_id)": [],
        },
    )
    day = TimeRange(first - HOUR, first + 2 * HOUR)

    (peak,) = rows_of(questdb, coincident_peaks_sql(day), CoincidentPeak)
    assert values(peak) == ("system", first + HOUR, 6.0, 1)


@pytest.mark.parametrize("group", ["system", "feeder", "segment"])
def test_samples_equal_the_raw_files(sample_questdb: Database, group: PeakGroup) -> None:
    name = {"system": "'system'", "feeder": "feeder_id", "segment": "segment"}[group]
    with sample_files() as files:
        files.execute(
            f"CREATE TABLE loads AS SELECT {name} AS g, ts, sum(kwh) * 4 AS kw,"
            " count(*) AS meters FROM scaled GROUP BY ALL"
        )
        peaks_by_hand = files.execute(
            "SELECT g, arg_min(ts, ts), any_value(kw), any_value(meters) FROM (SELECT *,"
            " rank() OVER (PARTITION BY g ORDER BY round(kw, 6) DESC) AS r FROM loads) WHERE r = 1"
            " GROUP BY g ORDER BY g"
        ).fetchall()
        meters_by_hand = files.execute(
            f"SELECT {name} AS g, meter_id, arg_max(ts, (kwh, -epoch_us(ts))), max(kwh) * 4"
            " FROM scaled GROUP BY ALL ORDER BY g, meter_id"
        ).fetchall()
        shares_by_hand = {
            (g, meter): kwh * 4
            for g, ts, _, _ in peaks_by_hand
            for meter, kwh in files.execute(
                f"SELECT meter_id, kwh FROM scaled WHERE ts = ? AND {name} = ?", [ts, g]
            ).fetchall()
        }
    assert len(meters_by_hand) == 200

    peak_rows = rows_of(sample_questdb, coincident_peaks_sql(SAMPLE_WEEK, group), CoincidentPeak)
    own = rows_of(sample_questdb, meter_peaks_sql(SAMPLE_WEEK, group), MeterPeak)
    shares = rows_of(sample_questdb, peak_shares_sql(SAMPLE_WEEK, group), PeakShare)
    ratios = rows_of(sample_questdb, diversity_sql(SAMPLE_WEEK, group), Diversity)

    assert [(p.group_name, p.ts, pytest.approx(p.peak_kw), p.meters) for p in peak_rows] == (
        peaks_by_hand
    )
    assert [(m.group_name, m.meter_id, m.ts) for m in own] == [row[:3] for row in meters_by_hand]
    assert [m.peak_kw for m in own] == pytest.approx([row[3] for row in meters_by_hand])
    assert {(s.group_name, s.meter_id): s.kw for s in shares} == pytest.approx(shares_by_hand)
    for ratio, peak in zip(ratios, peak_rows, strict=True):
        total = sum(max(row[3], 0.0) for row in meters_by_hand if row[0] == ratio.group_name)
        assert ratio.noncoincident_kw == pytest.approx(total)
        assert ratio.coincidence_factor == pytest.approx(peak.peak_kw / total)
        in_group = [s for s in shares if s.group_name == ratio.group_name]
        assert sum(s.kw for s in in_group) == pytest.approx(peak.peak_kw)
        assert sum(s.share_pct or 0.0 for s in in_group) == pytest.approx(100.0)
