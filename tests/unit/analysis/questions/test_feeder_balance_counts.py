"""Readings due, there and estimated, and what may be the cause of a loss; computed by hand."""

from datetime import datetime, timedelta

import pytest
from tests.unit.analysis.questions.network_rig import (
    HOUR,
    NOON,
    QUARTER,
    Network,
    balances,
    only,
)
from tests.unit.queries.query_rig import Database

pytestmark = pytest.mark.questdb

COUNTS = ("expected_readings", "present_readings", "coverage_pct", "demand_kwh")


def four_meters() -> Network:
    network = Network()
    for number in range(4):
        network.meter(f"m-{number}", "F1")
        network.about(f"m-{number}", status="active")
    return network


def test_missing_reading_lowers_the_coverage(questdb: Database) -> None:
    network = four_meters()
    for number in range(3):
        network.read(f"m-{number}", 1.0)
    network.store(questdb)

    assert only(balances(questdb), *COUNTS) == [4, 3, 75, 3]


def test_null_is_no_reading(questdb: Database) -> None:
    network = four_meters()
    network.read("m-0", None)
    network.read("m-1", 1.0)
    network.store(questdb)

    assert only(balances(questdb), *COUNTS) == [4, 1, 25, 1]


def test_demand_that_nobody_read_is_not_zero(questdb: Database) -> None:
    network = four_meters()
    network.head("F1", 0.1)
    network.store(questdb)

    found = only(balances(questdb), *COUNTS, "loss_kwh", "estimated_pct")
    assert found == [4, 0, 0, None, None, None]


@pytest.mark.parametrize("status", ["removed", "Inactive", "RETIRED"])
def test_meter_out_of_service_owes_nothing_and_its_energy_counts(
    questdb: Database, status: str
) -> None:
    """What it reads all the same is energy, but stands for no other meter's reading."""
    network = four_meters()
    network.about("m-3", since=NOON, status=status)
    network.read("m-0", 1.0)
    network.read("m-3", 1.0)
    network.store(questdb)

    assert only(balances(questdb), *COUNTS) == [3, 1, pytest.approx(100 / 3), 2]


def test_feeder_whose_meters_are_all_removed_has_no_demand(questdb: Database) -> None:
    network = four_meters()
    for number in range(4):
        network.about(f"m-{number}", since=NOON, status="removed")
    network.store(questdb)

    assert only(balances(questdb), *COUNTS) == [0, 0, None, None]


def test_meter_is_due_from_the_reading_on_in_which_it_is_put_in(questdb: Database) -> None:
    """Removed for a quarter, back again: three of four readings of the hour are due."""
    network = Network()
    network.meter("m", "F1")
    network.about("m", status="active")
    network.about("m", since=NOON + QUARTER, status="removed")
    network.about("m", since=NOON + 2 * QUARTER, status="active")
    network.read("m", 1.0, 1.0, 1.0)
    network.store(questdb)

    found = balances(questdb, NOON + HOUR, every="60 minutes")
    assert only(found, *COUNTS) == [3, 2, pytest.approx(200 / 3), 3]


def test_meter_that_no_reference_row_knows_is_due(questdb: Database) -> None:
    network = Network()
    network.meter("m", "F1")
    network.about("m", since=NOON + HOUR, status="active")
    network.store(questdb)

    assert only(balances(questdb), *COUNTS) == [1, 0, 0, None]


def test_finer_readings_are_one_that_is_due(questdb: Database) -> None:
    """Three readings of five minutes do not stand for two meters that are silent."""
    network = four_meters()
    for minutes in (0, 5, 10):
        network.read("m-0", 1.0, at=NOON + timedelta(minutes=minutes))
    network.store(questdb)

    assert only(balances(questdb), *COUNTS) == [4, 1, 25, 3]


def test_longer_readings_are_due_as_often_as_they_come(questdb: Database) -> None:
    network = Network()
    network.meter("m", "F1")
    network.read("m", 4.0)
    network.store(questdb)

    hour = balances(questdb, NOON + HOUR, every="60 minutes", meter_minutes=60)
    assert only(hour, *COUNTS) == [1, 1, 100, 4]


def test_estimated_share_is_of_the_readings_that_are_there(questdb: Database) -> None:
    network = four_meters()
    network.read("m-0", 1.0, flag="VALID")
    network.read("m-1", 1.0, flag="estimated")
    network.store(questdb)

    found = only(balances(questdb), "estimated_readings", "estimated_pct")
    assert found == [1, 50]


def test_switching_touches_each_of_its_feeders_once(questdb: Database) -> None:
    network = Network()
    for feeder in ("F1", "F2", "F3"):
        network.meter(f"m-{feeder}", feeder)
    switch = {"element_id": "SW-1", "element_type": "switch"}
    network.event(NOON, **switch, from_feeder_id="F1", to_feeder_id="F2")
    network.event(NOON + HOUR, **switch, from_feeder_id="F3", to_feeder_id="F3")
    network.event(NOON + QUARTER, element_id="F3", element_type="feeder", from_feeder_id="F3")
    network.event(NOON + 2 * QUARTER - timedelta(microseconds=1), element_id="F1", element_type="f")
    network.store(questdb)

    found = balances(questdb, NOON + 2 * QUARTER)
    assert {key: row["topology_events"] for key, row in found.items()} == {
        (NOON, "F1"): 1,
        (NOON, "F2"): 1,
        (NOON, "F3"): 0,
        (NOON + QUARTER, "F1"): 0,
        (NOON + QUARTER, "F2"): 0,
        (NOON + QUARTER, "F3"): 1,
    }


@pytest.mark.parametrize(
    ("since", "until", "changed"),
    [
        (NOON + QUARTER - timedelta(minutes=1), None, True),
        (NOON + QUARTER, None, False),
        (NOON - timedelta(days=7), None, True),
        (NOON - timedelta(days=7, minutes=1), None, False),
        (NOON - timedelta(days=100), NOON - HOUR, True),
    ],
    ids=["in it", "after it", "a week ago", "longer ago", "ended"],
)
def test_new_factor_is_remembered_for_a_week_on_its_feeder(
    questdb: Database, since: datetime, until: datetime | None, changed: bool
) -> None:
    network = Network()
    network.meter("m", "F1")
    network.meter("n", "F2")
    network.scale("m", 40.0, since=since, until=until)
    network.store(questdb)

    found = balances(questdb)
    assert {feeder: row["scale_changed"] for (_, feeder), row in found.items()} == {
        "F1": changed,
        "F2": False,
    }


@pytest.mark.parametrize(
    "name", ["' OR '1'='1", "'F1'", "'; DROP TABLE meter_usage; --", "\\", "ä\n", "$1"]
)
def test_hostile_name_finds_its_own_rows_only(questdb: Database, name: str) -> None:
    network = four_meters()
    network.read("m-0", 1.0)
    network.meter(name, name)
    network.read(name, 7.0)
    network.head(name, 0.1, node=name)
    network.store(questdb)

    found = balances(questdb, heads={name: [name]})
    assert sorted(found) == sorted([(NOON, name), (NOON, "F1")])
    assert [found[NOON, name][c] for c in ("supplied_kwh", "demand_kwh")] == [25, 7]
    assert [found[NOON, "F1"][c] for c in ("supplied_kwh", "demand_kwh")] == [None, 1]
