#!/usr/bin/env python3
"""Makes `data-samples/`: one coherent small utility, the same bytes every time.

`--check` compares instead of writing. Needs `demandlib`, which carries the BDEW load profiles.
"""

import argparse
import csv
import gzip
import io
import json
import math
import random
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from demandlib import bdew

from sample_utility import FEEDERS, PLANTS, Meter, Plant, make_meters, plant_mw, roof_kwh

START = datetime(2024, 6, 3, tzinfo=UTC)
INTERVALS = 7 * 96
LOCAL_OFFSET = timedelta(hours=2)
"""Europe/Berlin in that week; the profiles are in local time."""

VALID_FROM = "2024-01-01T00:00:00Z"
SEED = 20240603
ESTIMATED_SHARE = 0.01
GAPS = {"M-F1-020": range(40, 44), "M-F2-010": range(232, 240)}
"""Intervals, counted from the start of the week, that were never read."""

FOLDER = Path(__file__).parents[1] / "data-samples"

Rows = list[dict[str, object]]


def profiles() -> dict[str, list[float]]:
    """Return kWh per interval of the week for 1000 kWh a year, by profile name."""
    year_start = datetime(START.year, 1, 1, tzinfo=UTC)
    index = (START + LOCAL_OFFSET - year_start) // timedelta(minutes=15)
    year = bdew.ElecSlp(START.year).get_profiles()
    found = {}
    for name in ("h0_dyn", "g0", "g1", "g3"):
        column = year[name]
        total, week = float(column.sum()), column.iloc[index : index + INTERVALS]
        found[name] = [round(float(value) / total * 1000, 9) for value in week]
    return found


def stamp(interval: int) -> str:
    """Return the start of an interval as RFC 3339 in UTC."""
    return (START + interval * timedelta(minutes=15)).strftime("%Y-%m-%dT%H:%M:%SZ")


def true_kwh(meters: Sequence[Meter], shapes: Mapping[str, list[float]]) -> dict[str, list[float]]:
    """Return what each register counts per interval, as the register shows it: before scaling."""
    rng = random.Random(SEED)
    counted: dict[str, list[float]] = {}
    for meter in meters:
        noise = random.Random(f"{SEED}-{meter.premise_id}")
        yearly = 0.7 + 0.6 * rng.random()
        values = []
        for interval in range(INTERVALS):
            load = shapes[meter.profile][interval] * meter.mwh_per_year * _site_factor(meter)
            load *= math.exp(noise.gauss(0, 0.12)) * (1 if meter.register != "total" else yearly)
            roof = roof_kwh(interval, meter.roof_kwp)
            net = load - roof
            energy = {"import": max(net, 0.0), "export": max(-net, 0.0), "total": load}
            values.append(round(energy[meter.register] / abs(meter.scale_factor), 3))
        counted[meter.meter_id] = values
    return counted


def _site_factor(meter: Meter) -> float:
    """Both registers of a net-metering site see the same load."""
    return 0.8 + 0.4 * random.Random(f"{SEED}-{meter.premise_id}-site").random()


def usage_rows(meters: Sequence[Meter], counted: Mapping[str, list[float]]) -> Rows:
    """Return the meters' readings, interval by interval, gaps left out."""
    rng = random.Random(SEED + 1)
    rows: Rows = []
    for interval in range(INTERVALS):
        for meter in meters:
            estimated = rng.random() < ESTIMATED_SHARE
            if interval in GAPS.get(meter.meter_id, ()):
                continue
            kwh = counted[meter.meter_id][interval]
            rows.append(
                {
                    "ts": stamp(interval),
                    "meter_id": meter.meter_id,
                    "premise_id": meter.premise_id,
                    "kwh": kwh,
                    "kvarh": round(kwh * 0.2, 3),
                    "kva_demand": round(kwh * 4.3, 3),
                    "quality_flag": "ESTIMATED" if estimated else "VALID",
                    "source_system": "HES-1",
                }
            )
    return rows


def generation_rows() -> Rows:
    """Return the plants' mean power per unit and interval."""
    return [
        {
            "ts": stamp(interval),
            "plant_id": plant.plant_id,
            "unit_id": f"U{unit}",
            "mw": mw,
            "mvar": round(mw * 0.05, 4),
            "status": "ONLINE" if mw > 0 else "STANDBY",
            "fuel_type": plant.fuel_type,
        }
        for interval in range(INTERVALS)
        for plant in PLANTS
        for unit in range(1, plant.units + 1)
        for mw in [plant_mw(plant, interval)]
    ]


def feeder_rows(
    meters: Sequence[Meter], counted: Mapping[str, list[float]]
) -> tuple[Rows, dict[str, dict[str, float]]]:
    """Return the measurements at the feeder heads, and each feeder's totals of the week.

    head kWh + generation kWh = metered kWh x (1 + loss share), in every interval, gaps included;
    the head's power is rounded to a millionth of a MW.
    """
    rows: Rows = []
    totals = {
        name: dict.fromkeys(("supplied_kwh", "generation_kwh", "demand_kwh", "loss_kwh"), 0.0)
        for name in FEEDERS
    }
    for interval in range(INTERVALS):
        for feeder, loss_share in FEEDERS.items():
            demand = sum(
                counted[meter.meter_id][interval] * meter.scale_factor
                for meter in meters
                if meter.feeder_id == feeder
            )
            generated = sum(
                plant_mw(plant, interval) * plant.units * 250
                for plant in PLANTS
                if plant.feeder_id == feeder
            )
            mw = round((demand * (1 + loss_share) - generated) / 250, 6)
            total = totals[feeder]
            total["supplied_kwh"] += mw * 250
            total["generation_kwh"] += generated
            total["demand_kwh"] += demand
            total["loss_kwh"] += mw * 250 + generated - demand
            rows.append(
                {
                    "ts": stamp(interval),
                    "node_id": f"SS-1-{feeder}",
                    "feeder_id": feeder,
                    "quantity": "active_power",
                    "value": mw,
                    "unit": "MW",
                    "quality_flag": "VALID",
                }
            )
    return rows, totals


def reference_rows(meters: Sequence[Meter]) -> dict[str, Rows]:
    """Return the rows of the reference, mapping and event tables."""
    return {
        "meters": [meter.as_row(VALID_FROM) for meter in meters],
        "customers": _unique([meter.customer_row(VALID_FROM) for meter in meters]),
        "plants": [plant.as_row(VALID_FROM) for plant in PLANTS],
        "meter_feeder_map": [meter.feeder_row(VALID_FROM) for meter in meters],
        "plant_feeder_map": [_plant_feeder_row(plant) for plant in PLANTS],
        "meter_scale_map": [
            meter.scale_row(VALID_FROM) for meter in meters if meter.scale_factor != 1.0
        ],
        "topology_events": [
            {
                "ts": "2024-06-05T09:55:00Z",
                "event_id": "5d0f6a52-8f8e-8a6e-9a51-1f6c6b8d2c01",
                "element_id": "SW-F2-1",
                "element_type": "switch",
                "event_type": "opened",
                "from_feeder_id": "F2",
                "to_feeder_id": "",
                "detail": "planned work",
            }
        ],
        "meter_events": [
            {
                "ts": stamp(gap.start),
                "event_id": f"5d0f6a52-8f8e-8a6e-9a51-1f6c6b8d2d{number:02}",
                "meter_id": meter_id,
                "event_type": "communication_lost",
                "severity": "warning",
                "detail": f"{len(gap)} intervals were never read",
            }
            for number, (meter_id, gap) in enumerate(GAPS.items())
        ],
    }


def _unique(rows: Rows) -> Rows:
    return list({str(row["customer_id"]): row for row in rows}.values())


def _plant_feeder_row(plant: Plant) -> dict[str, object]:
    return {
        "valid_from": VALID_FROM,
        "plant_id": plant.plant_id,
        "feeder_id": plant.feeder_id,
        "substation_id": "SS-1",
        "valid_to": "",
    }


def sample_files() -> dict[str, bytes]:
    """Return every file of the sample by name."""
    meters = make_meters()
    counted = true_kwh(meters, profiles())
    measurements, totals = feeder_rows(meters, counted)
    streams = {
        "meter_usage": usage_rows(meters, counted),
        "generation_output": generation_rows(),
    }
    tables = {**reference_rows(meters), "network_measurements": measurements}
    files = {f"{name}.csv": _csv(rows) for name, rows in tables.items()}
    for name, rows in streams.items():
        files[f"{name}.csv.gz"] = gzip.compress(_csv(rows), 9, mtime=0)
        files[f"{name}.ndjson.gz"] = gzip.compress(_ndjson(rows), 9, mtime=0)
    feeders = {
        name: {"loss_share": FEEDERS[name], **{key: round(v, 3) for key, v in total.items()}}
        for name, total in totals.items()
    }
    expected = {
        "period": {"start": stamp(0), "end": stamp(INTERVALS)},
        "rows": {name: len(rows) for name, rows in {**tables, **streams}.items()},
        "feeders": feeders,
        "missing_intervals": {meter_id: len(gap) for meter_id, gap in GAPS.items()},
        "missing_kwh": {
            meter_id: round(sum(counted[meter_id][index] for index in gap), 3)
            for meter_id, gap in GAPS.items()
        },
    }
    files["expected.json"] = json.dumps(expected, indent=2).encode() + b"\n"
    return files


def _csv(rows: Rows) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _ndjson(rows: Rows) -> bytes:
    return "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows).encode()


def differing(folder: Path, files: Mapping[str, bytes]) -> list[str]:
    """Return the names of files in `folder` that are not as made; compressed ones are unpacked.

    Unpacked, since the compressed bytes depend on the version of zlib as well.
    """

    def content(name: str, data: bytes) -> bytes:
        return gzip.decompress(data) if name.endswith(".gz") else data

    return [
        name
        for name, data in files.items()
        if not (folder / name).exists()
        or content(name, (folder / name).read_bytes()) != content(name, data)
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the sample, or compare it; 1 if it differs."""
    parser = argparse.ArgumentParser(description="Make data-samples/, the same bytes every time.")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    options = parser.parse_args(arguments)
    files = sample_files()
    if options.check:
        names = differing(FOLDER, files)
        for name in names:
            print(f"{name} differs from what the script makes", file=sys.stderr)
        return 1 if names else 0
    FOLDER.mkdir(exist_ok=True)
    for name, data in files.items():
        (FOLDER / name).write_bytes(data)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
