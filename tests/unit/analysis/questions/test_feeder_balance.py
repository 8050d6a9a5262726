"""Balances of small networks, computed by hand."""

from datetime import timedelta

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

ENERGIES = ("supplied_kwh", "generation_kwh", "demand_kwh", "loss_kwh", "loss_pct")
HOURLY = "60 minutes"


def plain(*kwh: float | None, head: float | None = 0.1) -> Network:
    """Feeder F1 with a head of so many MW and one meter per value, in one quarter."""
    network = Network()
    network.head("F1", head)
    for number, value in enumerate(kwh):
        network.meter(f"m-{number}", "F1")
        network.read(f"m-{number}", value)
    return network


def test_power_is_energy_only_times_hours(questdb: Database) -> None:
    """100 kW and 20 kW for a quarter are 25 and 5 kWh; 28 of 30 are taken, 2 are lost."""
    network = plain(10.0, 18.0)
    network.plant("p", "F1")
    network.generate("p", 0.02)
    network.store(questdb)

    assert only(balances(questdb), *ENERGIES) == pytest.approx([25, 5, 28, 2, 100 * 2 / 30])


@pytest.mark.parametrize(("value", "unit"), [(0.1, "MW"), (100, "kW"), (100, "KW"), (1e5, "W")])
def test_unit_of_the_head_counts(questdb: Database, value: float, unit: str) -> None:
    network = plain(24.0, head=None)
    network.rows["network_measurements"].clear()
    network.head("F1", value, unit=unit)
    network.store(questdb)

    assert only(balances(questdb), "supplied_kwh", "loss_kwh") == pytest.approx([25, 1])


def test_unknown_unit_is_no_measurement(questdb: Database) -> None:
    network = plain(24.0, head=None)
    network.head("F1", 5.0, unit="A")
    network.store(questdb)

    assert only(balances(questdb), *ENERGIES) == [None, 0, 24, None, None]


@pytest.mark.parametrize(
    ("head_mw", "generated_mw", "demand", "loss", "loss_pct"),
    [(-0.08, 0.12, 9.0, 1.0, 10.0), (-0.08, 0.08, -1.0, 1.0, None), (-0.08, 0.0, -21.0, 1.0, None)],
    ids=["still fed", "nothing put in", "less than nothing put in"],
)
def test_feeder_that_feeds_back(
    questdb: Database,
    head_mw: float,
    generated_mw: float,
    demand: float,
    loss: float,
    loss_pct: float | None,
) -> None:
    """The share is null where supplied + generation is not above 0; the loss is not."""
    network = plain(1.0, 1.0 - demand, head=head_mw)
    network.scale("m-1", -1.0)
    network.plant("p", "F1")
    network.generate("p", generated_mw)
    network.store(questdb)

    found = only(balances(questdb), *ENERGIES)
    assert found[:4] == pytest.approx([head_mw * 250, generated_mw * 250, demand, loss])
    assert found[4] == (None if loss_pct is None else pytest.approx(loss_pct))


@pytest.mark.parametrize("measured", [False, True], ids=["no row", "null"])
def test_missing_head_measurement_is_not_zero(questdb: Database, measured: bool) -> None:
    network = plain(7.0, head=None)
    if not measured:
        network.rows["network_measurements"].clear()
    network.store(questdb)

    assert only(balances(questdb), *ENERGIES) == [None, 0, 7, None, None]


def test_interval_with_a_part_of_its_head_measurements_has_no_balance(questdb: Database) -> None:
    network = Network()
    network.meter("m", "F1")
    network.read("m", 1.0, 1.0, 1.0, 1.0)
    network.head("F1", 0.1, 0.1, 0.1)
    network.store(questdb)

    found = balances(questdb, NOON + HOUR, every=HOURLY)
    assert only(found, *ENERGIES) == [None, 0, 4, None, None]
    quarters = balances(questdb, NOON + HOUR)
    assert [row["supplied_kwh"] for row in quarters.values()] == [25, 25, 25, None]


def test_finer_measurements_are_averaged(questdb: Database) -> None:
    """Five-minute means of 60, 120 and 120 kW are 100 kW over the quarter."""
    network = plain(20.0, head=None)
    network.rows["network_measurements"].clear()
    network.head("F1", 60, 120, 120, unit="kW", step=timedelta(minutes=5))
    network.store(questdb)

    assert only(balances(questdb), "supplied_kwh", "loss_kwh") == pytest.approx([25, 5])


def test_two_nodes_are_no_head_until_somebody_says_which(questdb: Database) -> None:
    network = plain(20.0)
    network.head("F1", 0.04, node="middle")
    network.store(questdb)
    columns = ("head_nodes_unclear", "supplied_kwh", "loss_kwh")

    assert only(balances(questdb), *columns) == [True, None, None]
    named = balances(questdb, heads={"F1": ["SS-F1"]})
    assert only(named, *columns) == [False, 25, 5]
    both = balances(questdb, heads={"F1": ["SS-F1", "middle"]})
    assert only(both, *columns) == [False, 35, 15]
    absent = balances(questdb, heads={"F1": ["SS-F1", "nowhere"]})
    assert only(absent, *columns) == [False, None, None]


def test_node_of_last_month_is_remembered_and_does_not_become_the_head_alone(
    questdb: Database,
) -> None:
    """The head is silent for a day, a node farther out is not: nobody may take it for the head."""
    network = plain(20.0, head=None)
    network.rows["network_measurements"].clear()
    network.head("F1", 0.1, at=NOON - timedelta(days=1))
    network.head("F1", 0.04, node="middle")
    network.store(questdb)

    assert only(balances(questdb), "head_nodes_unclear", "supplied_kwh") == [True, None]


def test_row_of_the_whole_plant_counts_instead_of_its_units(questdb: Database) -> None:
    network = plain(20.0)
    network.plant("p", "F1", units=2, status="active")
    network.generate("p", 0.02)
    network.generate("p", 0.012, unit="u-1")
    network.generate("p", 0.008, unit="u-2")
    network.store(questdb)

    assert only(balances(questdb), "generation_kwh", "plants_missing") == [5, False]


@pytest.mark.parametrize(
    ("units", "kwh", "missing"), [(2, 5.0, False), (None, 5.0, False), (3, None, True)]
)
def test_units_are_added_if_all_of_them_are_there(
    questdb: Database, units: int | None, kwh: float | None, missing: bool
) -> None:
    network = plain(20.0)
    network.plant("p", "F1", units=units)
    network.generate("p", 0.012, unit="u-1")
    network.generate("p", 0.008, unit="u-2")
    network.store(questdb)

    found = only(balances(questdb), "generation_kwh", "plants_missing")
    assert found == [kwh if kwh is None else pytest.approx(kwh), missing]


@pytest.mark.parametrize(("status", "expected"), [("active", None), (None, None), ("Retired", 0.0)])
def test_silent_plant_is_unknown_unless_it_is_retired(
    questdb: Database, status: str | None, expected: float | None
) -> None:
    network = plain(20.0)
    network.plant("p", "F1", status=status, units=1)
    network.store(questdb)

    loss = None if expected is None else 5.0
    assert only(balances(questdb), "generation_kwh", "loss_kwh") == [expected, loss]


def test_plant_that_moved_is_counted_on_one_feeder(questdb: Database) -> None:
    """Its first mapping was never ended."""
    network = plain(20.0)
    network.meter("m-9", "F2")
    network.plant("p", "F1")
    network.plant("p", "F2", since=NOON + QUARTER)
    network.generate("p", 0.02, 0.04)
    network.store(questdb)

    found = balances(questdb, NOON + 2 * QUARTER)
    assert {key: row["generation_kwh"] for key, row in found.items()} == {
        (NOON, "F1"): 5,
        (NOON, "F2"): 0,
        (NOON + QUARTER, "F1"): 0,
        (NOON + QUARTER, "F2"): 10,
    }


def test_feeder_without_meters_has_no_demand(questdb: Database) -> None:
    plain().store(questdb)

    found = only(balances(questdb), *ENERGIES, "coverage_pct", "expected_readings")
    assert found == [25, 0, None, None, None, None, 0]


def test_feeder_that_nothing_is_mapped_to_or_measured_at_has_no_row(questdb: Database) -> None:
    network = plain(20.0)
    network.event(NOON, element_id="F7", element_type="feeder")
    network.store(questdb)

    assert list(balances(questdb)) == [(NOON, "F1")]


def test_meter_is_on_a_feeder_from_and_until_its_own_times(questdb: Database) -> None:
    """In the middle of an hour m moves to F2; n was on F1 for one quarter and is on none then."""
    network = Network()
    network.meter("m", "F1")
    network.meter("m", "F2", since=NOON + 2 * QUARTER)
    network.meter("n", "F1", until=NOON + QUARTER)
    network.read("m", 1.0, 2.0, 4.0, 8.0)
    network.read("n", 16.0, 32.0)
    network.store(questdb)
    columns = ("demand_kwh", "expected_readings", "present_readings", "coverage_pct")

    found = balances(questdb, NOON + HOUR, every=HOURLY)
    assert {feeder: [row[c] for c in columns] for (_, feeder), row in found.items()} == {
        "F1": [19, 3, 3, 100],
        "F2": [12, 2, 2, 100],
    }


def test_factor_counts_from_and_until_its_own_times(questdb: Database) -> None:
    """1 + 1 at twice, 1 at three times, 1 without a factor."""
    network = Network()
    network.meter("m", "F1")
    network.scale("m", 2.0)
    network.scale("m", 3.0, since=NOON + 2 * QUARTER, until=NOON + 3 * QUARTER)
    network.read("m", 1.0, 1.0, 1.0, 1.0)
    network.store(questdb)

    found = balances(questdb, NOON + HOUR, every=HOURLY)
    assert only(found, "demand_kwh", "present_readings") == [2 + 2 + 3 + 1, 4]


def test_day_of_a_zone_has_its_own_hours(questdb: Database) -> None:
    """2026-03-29 in Berlin has 23 hours: 92 quarters of 1 kWh and 10 kW."""
    start = NOON.replace(month=3, day=28, hour=23)
    network = Network()
    network.meter("m", "F1")
    network.read("m", *[1.0] * 100, at=start - HOUR)
    network.head("F1", *[0.01] * 100, at=start - HOUR)
    network.store(questdb)

    found = balances(questdb, start + 23 * HOUR, start=start, every="1 day", zone="Europe/Berlin")
    columns = ("interval_minutes", "supplied_kwh", "demand_kwh", "expected_readings")
    assert only(found, *columns) == pytest.approx([23 * 60, 230, 92, 92])
    assert only(found, "coverage_pct") == [100]
