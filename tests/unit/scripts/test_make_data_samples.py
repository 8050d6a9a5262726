"""The sample is coherent, as its README says, and can be made again."""

import csv
import gzip
import json
from collections import defaultdict
from pathlib import Path

import msgspec
import pytest

from make_data_samples import FOLDER, differing, sample_files
from utility_ts_analytics.records.streams import STREAMS

EXPECTED = json.loads((FOLDER / "expected.json").read_text())
BYTES_MAX = 5 * 1000 * 1000
HEAD_ROUNDING_KWH = 0.5e-6 * 250 + 1e-9


def table(name: str) -> list[dict[str, str]]:
    path = FOLDER / f"{name}.csv"
    text = path.read_text() if path.exists() else gzip.decompress(_gz(name, "csv")).decode()
    return list(csv.DictReader(text.splitlines()))


def _gz(name: str, kind: str) -> bytes:
    return (FOLDER / f"{name}.{kind}.gz").read_bytes()


def test_making_it_again_gives_the_same_bytes_and_a_change_is_noticed(tmp_path: Path) -> None:
    files = sample_files()
    assert differing(FOLDER, files) == []
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "plants.csv").write_bytes(files["plants.csv"] + b"x")
    (tmp_path / "meters.csv").unlink()
    assert differing(tmp_path, files) == ["meters.csv", "plants.csv"]
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < BYTES_MAX


@pytest.mark.parametrize("name", EXPECTED["rows"])
def test_every_table_has_the_rows_that_are_stated(name: str) -> None:
    assert len(table(name)) == EXPECTED["rows"][name]


@pytest.mark.parametrize("name", [name for name in STREAMS if name in EXPECTED["rows"]])
def test_every_line_is_a_reading_and_the_csv_says_the_same(name: str) -> None:
    rows = msgspec.json.Decoder(STREAMS[name].record_type).decode_lines(
        gzip.decompress(_gz(name, "ndjson"))
    )
    keys = {tuple(getattr(row, key) for key in STREAMS[name].dedup_keys) for row in rows}
    assert len(keys) == len(rows) == EXPECTED["rows"][name]
    first = STREAMS[name].numbers[0]
    assert [getattr(row, first) for row in rows] == [float(row[first]) for row in table(name)]


def test_every_mapped_id_is_known() -> None:
    meters = {row["meter_id"] for row in table("meters")}
    customers = {row["customer_id"] for row in table("customers")}
    plants = {row["plant_id"] for row in table("plants")}
    assert {row["meter_id"] for row in table("meter_usage")} == meters
    assert {row["meter_id"] for row in table("meter_feeder_map")} == meters
    assert {row["meter_id"] for row in table("meter_scale_map")} < meters
    assert {row["customer_id"] for row in table("meters")} == customers
    assert {row["plant_id"] for row in table("plant_feeder_map")} == plants
    assert {row["plant_id"] for row in table("generation_output")} == plants


def test_each_feeder_balances_in_every_interval() -> None:
    feeder_of = {row["meter_id"]: row["feeder_id"] for row in table("meter_feeder_map")}
    plant_feeder = {row["plant_id"]: row["feeder_id"] for row in table("plant_feeder_map")}
    scale = {row["meter_id"]: float(row["scale_factor"]) for row in table("meter_scale_map")}
    demand: dict[tuple[str, str], float] = defaultdict(float)
    generated: dict[tuple[str, str], float] = defaultdict(float)
    for row in table("meter_usage"):
        place = row["ts"], feeder_of[row["meter_id"]]
        demand[place] += float(row["kwh"]) * scale.get(row["meter_id"], 1.0)
    for row in table("generation_output"):
        generated[row["ts"], plant_feeder[row["plant_id"]]] += float(row["mw"]) * 250
    gaps = {(row["ts"][:11], feeder_of[row["meter_id"]]) for row in table("meter_events")}
    balanced = 0
    for row in table("network_measurements"):
        place = row["ts"], row["feeder_id"]
        if (row["ts"][:11], row["feeder_id"]) in gaps:
            continue
        supplied = float(row["value"]) * 250 + generated[place]
        loss_share = EXPECTED["feeders"][row["feeder_id"]]["loss_share"]
        assert supplied == pytest.approx(demand[place] * (1 + loss_share), abs=HEAD_ROUNDING_KWH)
        balanced += 1
    assert balanced == EXPECTED["rows"]["network_measurements"] - 2 * 96


def test_the_totals_of_the_week_are_those_of_the_files() -> None:
    for feeder, totals in EXPECTED["feeders"].items():
        supplied = sum(
            float(row["value"]) * 250
            for row in table("network_measurements")
            if row["feeder_id"] == feeder
        )
        assert supplied == pytest.approx(totals["supplied_kwh"], abs=0.001)
        into = totals["supplied_kwh"] + totals["generation_kwh"]
        assert into - totals["demand_kwh"] == pytest.approx(totals["loss_kwh"], abs=0.002)
        loss_share = totals["loss_kwh"] / totals["demand_kwh"]
        assert loss_share == pytest.approx(totals["loss_share"], abs=1e-4)
