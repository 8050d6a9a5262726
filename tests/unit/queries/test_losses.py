"""Losses of small networks, computed by hand; those of the sample are with its balance."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.queries.feeder_rig import HOUR, NOON, QUARTER, Database, Network, shape

from utility_ts_analytics.queries.balance_intervals import Intervals
from utility_ts_analytics.queries.losses import feeder_losses_sql, loss_by_load_sql
from utility_ts_analytics.queries.time_range import TimeRange

TWO_HOURS = TimeRange(NOON, NOON + 2 * HOUR)
values = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))


def losses(database: Database, time_range: TimeRange = TWO_HOURS) -> list[tuple[object, ...]]:
    columns = (
        "feeder_id, interval_count, known_intervals, demand_kwh, measured_loss_kwh,"
        " coverage_pct, unread_estimated_kwh, estimated_loss_kwh, estimated_loss_pct"
    )
    rows = database.query(f"SELECT {columns} FROM ({feeder_losses_sql(time_range)})")
    return [tuple(row) for row in rows]


@given(values)
def test_no_name_changes_a_statement(name: str) -> None:
    for builder in (feeder_losses_sql, loss_by_load_sql):
        assert shape(builder(TWO_HOURS, feeders=[name], heads={name: [name]})) == shape(
            builder(TWO_HOURS, feeders=["F1"], heads={"F1": ["SS-F1"]})
        )


def test_one_text_for_names_is_refused() -> None:
    with pytest.raises(ValueError, match="not the one text"):
        feeder_losses_sql(TWO_HOURS, feeders="F1")


@pytest.mark.questdb
def test_gap_is_filled_with_the_mean_of_its_meter(questdb: Database) -> None:
    """Head 8 x 10 kWh. m reads 6 in seven of eight quarters (its factor is 2), n reads 3."""
    network = Network()
    network.head("F1", *[40.0] * 8, unit="kW")
    network.meter("m", "F1")
    network.scale("m", 2.0)
    network.meter("n", "F1")
    network.read("m", *[3.0] * 7)
    network.read("n", *[3.0] * 8)
    network.store(questdb)

    demand, missing = 7 * 6 + 8 * 3, 6
    [row] = losses(questdb)
    assert row[:3] == ("F1", 8, 8)
    assert row[3:] == pytest.approx(
        (demand, 80 - demand, 1500 / 16, missing, 80 - demand - missing, 100 * 8 / 80)
    )


@pytest.mark.questdb
def test_meter_that_was_never_read_takes_what_the_others_do(questdb: Database) -> None:
    """n and o, 2 kWh each; silent m owes 8 readings, removed p owes none."""
    network = Network()
    network.head("F1", *[40.0] * 8, unit="kW")
    for meter in "mnop":
        network.meter(meter, "F1")
    network.about("p", status="removed")
    network.read("n", *[1.0] * 8)
    network.read("o", *[3.0] * 8)
    network.store(questdb)

    [row] = losses(questdb)
    assert row[3:8] == pytest.approx((32, 48, 200 / 3, 16, 32))


@pytest.mark.questdb
def test_interval_without_a_balance_is_in_no_sum_nor_are_its_gaps(questdb: Database) -> None:
    """Four quarters have a head; m lacks one reading in them and one in the others."""
    network = Network()
    network.head("F1", *[40.0] * 4, unit="kW")
    network.meter("m", "F1")
    network.read("m", 8.0, 8.0, 8.0)
    network.read("m", 8.0, 8.0, 8.0, at=NOON + 4 * QUARTER)
    network.store(questdb)

    [row] = losses(questdb)
    assert row[:3] == ("F1", 8, 3)
    assert row[3:8] == pytest.approx((24, 6, 100, 0, 6))


@pytest.mark.questdb
def test_feeder_without_any_balance_has_nulls(questdb: Database) -> None:
    network = Network()
    network.meter("m", "F1")
    network.read("m", 1.0)
    network.store(questdb)

    assert losses(questdb) == [("F1", 8, 0, None, None, None, None, None, None)]


def day_of_loads(fixed_kw: float, per_kw2: float, noise_kw: float = 0.0) -> Network:
    """96 quarters whose demand goes from 10 to 105 kW, and whose losses follow it."""
    network = Network()
    network.meter("m", "F1")
    for number in range(96):
        kw = 10.0 + number
        loss = fixed_kw + per_kw2 * kw * kw + noise_kw * (-1) ** number
        at = NOON + number * QUARTER
        network.read("m", kw / 4, at=at)
        network.head("F1", kw + loss, at=at, unit="kW")
    return network


def fit(database: Database, quarters: int = 96) -> list[object]:
    sql = loss_by_load_sql(TimeRange(NOON, NOON + quarters * QUARTER))
    columns = "interval_count, sound, r2, fixed_kw, variable_kw_per_kw2, fixed_kwh, variable_kwh"
    rows = database.query(f"SELECT {columns} FROM ({sql})")
    return list(rows[0]) if rows else []


@pytest.mark.questdb
def test_losses_that_follow_the_square_are_found_again(questdb: Database) -> None:
    day_of_loads(2.0, 0.001).store(questdb)

    squares = sum((10.0 + number) ** 2 for number in range(96))
    assert fit(questdb) == [
        96,
        True,
        *(pytest.approx(value) for value in (1.0, 2.0, 0.001, 2.0 * 24, 0.001 * squares / 4)),
    ]


@pytest.mark.questdb
@pytest.mark.parametrize(
    ("fixed_kw", "per_kw2", "noise_kw", "quarters"),
    [(2.0, 0.001, 0.0, 95), (2.0, 0.001, 20.0, 96), (-2.0, 0.001, 0.0, 96), (9.0, -5e-4, 0.0, 96)],
    ids=["too few", "too scattered", "below nothing without load", "falling"],
)
def test_line_that_says_nothing_is_not_given(
    questdb: Database, fixed_kw: float, per_kw2: float, noise_kw: float, quarters: int
) -> None:
    day_of_loads(fixed_kw, per_kw2, noise_kw).store(questdb)

    assert fit(questdb, quarters)[1:2] + fit(questdb, quarters)[3:] == [False] + [None] * 4


@pytest.mark.questdb
def test_intervals_with_generation_or_gaps_are_not_taken(questdb: Database) -> None:
    network = day_of_loads(2.0, 0.001)
    network.plant("p", "F1")
    network.generate("p", *[0.0] * 95, 0.001)
    network.meter("n", "F1", since=NOON + 90 * QUARTER)
    network.store(questdb)

    assert fit(questdb)[:2] == [90, False]


@pytest.mark.questdb
def test_longer_intervals_are_powers_too(questdb: Database) -> None:
    """A constant load: 96 hours of 10 kW with 1 kW lost, so no variance and no line."""
    network = Network()
    network.meter("m", "F1")
    network.read("m", *[2.5] * 16)
    network.head("F1", *[11.0] * 16, unit="kW")
    network.store(questdb)

    sql = loss_by_load_sql(TimeRange(NOON, NOON + timedelta(hours=4)), Intervals("60m"))
    assert questdb.query(f"SELECT interval_count, sound, fixed_kw FROM ({sql})") == [
        (4, False, None)
    ]
