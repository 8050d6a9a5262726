"""The made utility: its books balance, it is the same every time, its files hold what it says."""

import csv
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from loadtest.analyses.command import faults
from loadtest.analyses.utility import Energy, MadeUtility

from utility_ts_analytics.queries.time_range import TimeRange

METERS = 300
DAYS = 2


def made(folder: Path) -> MadeUtility:
    folder.mkdir()
    utility = MadeUtility(METERS)
    utility.write_reference(folder)
    assert list(utility.write_days(folder, DAYS)) == [date(2024, 1, 1), date(2024, 1, 2)]
    return utility


def test_files_hold_the_energy_that_is_told(tmp_path: Path) -> None:
    energy = made(tmp_path / "made").energy
    folder = tmp_path / "made"

    with duckdb.connect() as duck:
        rows, demand = duck.execute(
            "SELECT count(*), sum(kwh * coalesce(scale_factor, 1))"
            f" FROM '{folder}/meter_usage-*.parquet'"
            f" LEFT JOIN '{folder}/meter_scale_map.csv' USING (meter_id)"
        ).fetchall()[0]
        supplied = duck.execute(
            f"SELECT sum(value) * 1000 / 4 FROM '{folder}/network_measurements-*.csv'"
        ).fetchall()[0][0]
        generation = duck.execute(
            f"SELECT sum(mw) * 1000 / 4 FROM '{folder}/generation_output-*.parquet'"
        ).fetchall()[0][0]

    assert rows == energy.rows
    assert 0 < METERS * 96 * DAYS - rows < METERS
    assert demand == pytest.approx(energy.demand)
    assert supplied == pytest.approx(energy.supplied)
    assert generation == pytest.approx(energy.generation)


def test_losses_are_those_of_the_feeders(tmp_path: Path) -> None:
    energy = made(tmp_path / "made").energy
    share = (energy.supplied + energy.generation) / (energy.demand + energy.missing) - 1
    assert 0.03 < share < 0.04


def test_same_utility_twice_is_the_same_and_every_meter_is_mapped_once(tmp_path: Path) -> None:
    first, second = made(tmp_path / "first"), made(tmp_path / "second")
    assert first.energy.rows == second.energy.rows
    assert first.energy.demand == pytest.approx(second.energy.demand)
    name = "meter_feeder_map.csv"
    assert (tmp_path / "first" / name).read_text() == (tmp_path / "second" / name).read_text()
    with (tmp_path / "first" / name).open() as file:
        mapped = [row["meter_id"] for row in csv.DictReader(file)]
    assert len(set(mapped)) == len(mapped) == METERS


class Told:
    """A database that tells these figures."""

    def __init__(self, rows: int, *balance: float) -> None:
        self._rows = rows
        self._balance = balance

    def count(self, _sql: str) -> int:
        return self._rows

    def rows(self, _sql: str, row_type: type[Any]) -> list[Any]:
        return [row_type(*self._balance)]


def test_energy_or_row_that_is_not_as_made_is_told() -> None:
    utility = MadeUtility(1)
    utility.energy = Energy(supplied=100.0, generation=20.0, demand=110.0, rows=7)
    period = TimeRange("2024-01-01", "2024-01-02")

    def found(rows: int, *balance: float) -> list[str]:
        told: Any = Told(rows, *balance)
        return faults(told, utility, period)

    right = (100.0, 20.0, 110.0, 10.0)
    assert found(7, *right) == []
    assert found(6, *right) == ["6 readings are stored, 7 were made"]
    for index in range(4):
        wrong = [value + (0.01 if at == index else 0) for at, value in enumerate(right)]
        assert len(found(7, *wrong)) == 1
