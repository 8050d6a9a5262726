"""Losses of small networks, computed by hand; those of the sample are with its balance."""

import pytest
from tests.unit.analysis.questions.network_rig import HOUR, NOON, QUARTER, Network
from tests.unit.analysis.questions.question_rig import Row, ask
from tests.unit.queries.query_rig import Database

from utility_ts_analytics.queries.time_range import TimeRange

pytestmark = pytest.mark.questdb

TWO_HOURS = TimeRange(NOON, NOON + 2 * HOUR)


def losses(database: Database) -> list[Row]:
    return ask(
        database,
        "feeder_losses",
        TWO_HOURS,
        *("feeder_id", "interval_count", "known_intervals", "demand_kwh", "measured_loss_kwh"),
        *("coverage_pct", "unread_estimated_kwh", "estimated_loss_kwh", "estimated_loss_pct"),
    )


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


def test_feeder_without_any_balance_has_nulls(questdb: Database) -> None:
    network = Network()
    network.meter("m", "F1")
    network.read("m", 1.0)
    network.store(questdb)

    assert losses(questdb) == [("F1", 8, 0, None, None, None, None, None, None)]
