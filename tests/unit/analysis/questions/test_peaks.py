"""Peaks on a real QuestDB: small cases worked out by hand, and the samples by DuckDB."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.analysis.questions.question_rig import SAMPLE_WEEK, Row, analysis, ask, rows
from tests.unit.queries.query_rig import Database, store_rows
from tests.unit.queries.sample_files import sample_files

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
    store_rows(
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


PEAK = ("group_name", "ts", "peak_kw", "meters")
METER_PEAK = ("group_name", "meter_id", "ts", "peak_kw")
SHARE = ("group_name", "ts", "meter_id", "kw", "share_pct")
DIVERSITY = ("group_name", "ts", "coincident_kw", "noncoincident_kw", "meters")
FACTORS = ("coincidence_factor", "diversity_factor")


def peaks(database: Database, group: str = "system", interval_minutes: int = 15) -> list[Row]:
    return ask(
        database,
        "coincident_peaks",
        AROUND,
        *PEAK,
        group=group,
        interval_minutes=interval_minutes,
    )


def meter_peaks(database: Database, group: str = "system", interval_minutes: int = 15) -> list[Row]:
    return ask(
        database,
        "meter_peaks",
        AROUND,
        *METER_PEAK,
        group=group,
        interval_minutes=interval_minutes,
    )


def shares(database: Database) -> list[Row]:
    return ask(database, "peak_shares", AROUND, *SHARE)


def diversity(database: Database) -> Row:
    [row] = ask(database, "diversity", AROUND, *DIVERSITY, *FACTORS)
    return row


def test_peak_of_the_group_and_peaks_of_its_meters(questdb: Database) -> None:
    """Loads of 4, 10, 8 kWh a quarter: the group's peak is at no meter's own but one."""
    stored(questdb, {"m-1": {0: 3.0, 1: 5.0, 2: 6.0}, "m-2": {0: 1.0, 1: 5.0, 2: 2.0}})

    assert peaks(questdb) == [("system", NOON + QUARTER, 40.0, 2)]
    assert meter_peaks(questdb) == [
        ("system", "m-1", NOON + 2 * QUARTER, 24.0),
        ("system", "m-2", NOON + QUARTER, 20.0),
    ]
    assert shares(questdb) == [
        ("system", NOON + QUARTER, "m-1", 20.0, 50.0),
        ("system", NOON + QUARTER, "m-2", 20.0, 50.0),
    ]
    ratio = diversity(questdb)
    assert ratio[:5] == ("system", NOON + QUARTER, 40.0, 44.0, 2)
    assert ratio[5:] == pytest.approx((40 / 44, 44 / 40))


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
    assert diversity(questdb)[3:6] == (16.0, 3, 0.75)
    assert [row[2:] for row in shares(questdb)] == [
        ("m-IMP", 12.0, 100.0),
        ("m-EXP", 0.0, 0.0),
    ]


def test_group_that_only_feeds_back_has_no_factors(questdb: Database) -> None:
    stored(questdb, {"m-1": {0: 2.0, 1: 1.0}}, scales=((LONG_AGO, "m-1", -1.0, None),))

    assert diversity(questdb) == ("system", NOON + QUARTER, -4.0, 0.0, 1, None, None)


def test_group_without_load_has_no_shares(questdb: Database) -> None:
    stored(questdb, {"m-1": {0: 0.0}})

    assert shares(questdb) == [("system", NOON, "m-1", 0.0, None)]


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
    store_rows(
        questdb,
        {
            "meter_usage (ts, meter_id, kwh)": [(first, "m-1", 1.0), (first + HOUR, "m-1", 1.5)],
            "meter_scale_map (valid_from, meter_id)": [],
        },
    )
    day = TimeRange(first - HOUR, first + 2 * HOUR)

    assert ask(questdb, "coincident_peaks", day, *PEAK) == [("system", first + HOUR, 6.0, 1)]


@pytest.mark.parametrize("group", ["system", "feeder", "segment"])
def test_samples_equal_the_raw_files(sample_questdb: Database, group: str) -> None:
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

    with analysis(sample_questdb, SAMPLE_WEEK) as asked:
        group_peaks = rows(asked, "coincident_peaks", *PEAK, group=group)
        own = rows(asked, "meter_peaks", *METER_PEAK, group=group)
        shares = rows(asked, "peak_shares", *SHARE, group=group)
        ratios = rows(asked, "diversity", *DIVERSITY, *FACTORS, group=group)

    assert [(g, ts, pytest.approx(kw), meters) for g, ts, kw, meters in group_peaks] == (
        peaks_by_hand
    )
    assert [row[:3] for row in own] == [row[:3] for row in meters_by_hand]
    assert [row[3] for row in own] == pytest.approx([row[3] for row in meters_by_hand])
    assert {(row[0], row[2]): row[3] for row in shares} == pytest.approx(shares_by_hand)
    for ratio, (name, _, peak_kw, _) in zip(ratios, group_peaks, strict=True):
        total = sum(max(row[3], 0.0) for row in meters_by_hand if row[0] == name)
        assert ratio[0] == name
        assert ratio[3] == pytest.approx(total)
        assert ratio[5] == pytest.approx(peak_kw / total)
        in_group = [row for row in shares if row[0] == name]
        assert sum(row[3] for row in in_group) == pytest.approx(peak_kw)
        assert sum(row[4] or 0.0 for row in in_group) == pytest.approx(100.0)
