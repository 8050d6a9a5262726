"""Questions about small utilities drawn at random, against the same rules in plain Python."""

from collections import Counter, defaultdict
from datetime import date, datetime
from itertools import groupby
from zoneinfo import ZoneInfo

import pytest
from tests.unit.analysis.questions.parquet_rig import analysis_of
from tests.unit.analysis.questions.question_rig import Row, rows
from tests.unit.analysis.questions.small_worlds import QUARTER, World, in_service, world_of
from tests.unit.queries.tariff_rig import calendar_of, rate_at

# One in each zone of small_worlds.
worlds = pytest.mark.parametrize("seed", range(8))
SOME = 1e-9
Load = defaultdict[datetime, float]


def quarter_of(world: World, ts: datetime) -> datetime:
    return world.period.start + (ts - world.period.start) // QUARTER * QUARTER


@worlds
def test_completeness_and_gaps_count_quarter_by_quarter(seed: int) -> None:
    world = world_of(seed)
    sent = {(row["meter_id"], quarter_of(world, row["ts"])) for row in world.readings}
    meters = sorted(
        {
            row["meter_id"]
            for t in ("meters", "meter_feeder_map", "meter_usage")
            for row in world.tables[t]
        }
    )
    known = {(m, q) for m in meters for q in world.quarters if world.is_known(m, q)}

    with analysis_of(world.tables, world.period, zone=world.zone) as asked:
        days = rows(asked, "completeness")
        gaps = rows(asked, "gaps")

    assert days == expected_days(world, known, sent)
    assert gaps == expected_gaps(world, meters, known, sent)
    missing = Counter[str]()
    for row in days:
        missing[row[1]] += row[4]
    for row in gaps:
        missing[row[0]] -= row[3]
    assert set(missing.values()) <= {0}


def expected_days(
    world: World, known: set[tuple[str, datetime]], sent: set[tuple[str, datetime]]
) -> list[Row]:
    """What `completeness` has to say."""

    def day_of(ts: datetime) -> date:
        return ts.astimezone(ZoneInfo(world.zone)).date()

    cells: defaultdict[tuple[date, str], list[int]] = defaultdict(lambda: [0] * 5)
    for meter, quarter in known:
        cell = cells[day_of(quarter), meter]
        cell[0] += 1
        cell[1] += (meter, quarter) in sent
    counts = Counter((row["meter_id"], quarter_of(world, row["ts"])) for row in world.readings)
    for (meter, quarter), count in counts.items():
        cell = cells[day_of(quarter), meter]
        cell[3 if (meter, quarter) in known else 4] += (
            count - 1 if (meter, quarter) in known else count
        )
    for row in world.readings:
        quarter = quarter_of(world, row["ts"])
        cells[day_of(quarter), row["meter_id"]][2] += row["ts"] != quarter
    return [
        (
            *key,
            expected,
            present,
            expected - present,
            pytest.approx(100 * present / expected) if expected else None,
            off,
            doubled,
            unexpected,
        )
        for key, (expected, present, off, doubled, unexpected) in sorted(cells.items())
    ]


def expected_gaps(
    world: World,
    meters: list[str],
    known: set[tuple[str, datetime]],
    sent: set[tuple[str, datetime]],
) -> list[Row]:
    """What `gaps` has to say."""
    found: list[Row] = []
    for meter in meters:
        for is_sent, run in groupby(world.quarters, key=lambda q: (meter, q) in sent):
            silence = list(run)
            missing = [quarter for quarter in silence if (meter, quarter) in known]
            if is_sent or not missing:
                continue
            first, last = silence[0] == world.quarters[0], silence[-1] == world.quarters[-1]
            place = "all" if first and last else "start" if first else "end" if last else "inside"
            found.append((meter, missing[0], missing[-1] + QUARTER, len(missing), place))
    return found


@worlds
def test_balance_is_that_of_each_quarter(seed: int) -> None:
    """To the last bit: every energy is a whole number of 1/512 kWh."""
    world = world_of(seed)
    columns = ("ts", "feeder_id", "supplied_kwh", "generation_kwh", "demand_kwh", "loss_kwh")
    counts = ("expected_readings", "present_readings", "estimated_readings", "head_nodes_unclear")

    with analysis_of(world.tables, world.period) as asked:
        found = {row[:2]: row[2:] for row in rows(asked, "feeder_balance", *columns, *counts)}

    for feeder in ("F1", "F2"):
        for quarter in world.quarters:
            expected = balance_of(world, feeder, quarter)
            assert found.pop((quarter, feeder)) == expected
    assert found == {}


def balance_of(world: World, feeder: str, quarter: datetime) -> Row:
    """Energies and counts of a feeder in a quarter."""
    on_it = [
        row
        for row in world.readings
        if quarter_of(world, row["ts"]) == quarter
        and world.feeder(row["meter_id"], row["ts"]) == feeder
    ]
    mapped = {row["meter_id"] for row in world.tables["meter_feeder_map"]}
    due = sum(
        world.feeder(m, quarter) == feeder
        and in_service(world.holding("meters", "meter_id", m, quarter))
        for m in mapped
    )
    there = [
        row
        for row in on_it
        if row["ts"] == quarter
        and row["kwh"] is not None
        and in_service(world.holding("meters", "meter_id", row["meter_id"], quarter))
    ]
    energies = [kwh for row in on_it if (kwh := world.kwh(row)) is not None]
    demand = sum(energies) if energies and due else None
    nodes = {
        row["node_id"]: row["value"] / 4 if row["ts"] == quarter else None
        for row in sorted(
            world.tables["network_measurements"], key=lambda row: bool(row["ts"] == quarter)
        )
        if row["feeder_id"] == feeder and row["ts"] < world.period.end
    }
    [supplied] = nodes.values() if len(nodes) == 1 else [None]
    generated = generation_of(world, quarter) if feeder == "F1" else 0.0
    known = None not in (supplied, generated, demand)
    loss = (supplied or 0) + (generated or 0) - (demand or 0) if known else None
    estimated = sum(row["quality_flag"] in {"estimated", "E"} for row in there)
    return supplied, generated, demand, loss, due, len(there), estimated, len(nodes) > 1


def generation_of(world: World, quarter: datetime) -> float | None:
    """Of the plant: as a whole, else of its two units; null where one of them is missing."""
    power = {
        row["unit_id"]: row["mw"]
        for row in world.tables["generation_output"]
        if row["ts"] == quarter
    }
    if None in power:
        return float(power[None]) * 250
    return sum(power.values()) * 250 if len(power) == 2 else None


@worlds
@pytest.mark.parametrize("group", ["segment", "feeder"])
def test_time_of_use_adds_up_to_all_energy(seed: int, group: str) -> None:
    world = world_of(seed)
    tariff = calendar_of(world.zone)
    energy: defaultdict[Row, list[float]] = defaultdict(list)
    for row in world.readings:
        group_of = world.segment if group == "segment" else world.feeder
        name = group_of(row["meter_id"], row["ts"])
        scaled = world.kwh(row)
        energy[name, *rate_at(tariff, row["ts"])] += [] if scaled is None else [scaled]

    with analysis_of(world.tables, world.period, tariff=tariff) as asked:
        found = rows(asked, "time_of_use", group=group)
        [(total,)] = rows(asked, "load", "kwh", every="100 years")

    assert {row[:3] for row in found} == set(energy)
    for *key, kwh, _ in found:
        parts = energy[tuple(key)]
        assert kwh == (sum(parts) if parts else None)
    assert sum(row[4] for row in found) == len(world.readings)
    assert sum(row[3] or 0.0 for row in found) == pytest.approx(total)


@worlds
@pytest.mark.parametrize("group", ["system", "feeder"])
def test_peaks_and_diversity_of_each_group(seed: int, group: str) -> None:
    world = world_of(seed)
    loads: defaultdict[str, Load] = defaultdict(lambda: defaultdict(float))
    own: defaultdict[tuple[str, str], Load] = defaultdict(lambda: defaultdict(float))
    for row in world.readings:
        name = "system" if group == "system" else world.feeder(row["meter_id"], row["ts"])
        if name is not None and (kwh := world.kwh(row)) is not None:
            quarter = quarter_of(world, row["ts"])
            loads[name][quarter] += kwh
            own[name, row["meter_id"]][quarter] += kwh

    with analysis_of(world.tables, world.period) as asked:
        found = rows(asked, "diversity", group=group)
        peaks = rows(asked, "meter_peaks", group=group)

    def highest(energy: Load) -> tuple[datetime, float]:
        ts, kwh = min(energy.items(), key=lambda item: (-item[1], item[0]))
        return ts, 4 * kwh

    assert peaks == [(*key, *highest(energy)) for key, energy in sorted(own.items())]
    assert [row[:3] for row in found] == [(name, *highest(loads[name])) for name in sorted(loads)]
    for name, _, peak, total, meters, coincidence, diversity in found:
        of_meters = [highest(energy)[1] for key, energy in own.items() if key[0] == name]
        assert total == pytest.approx(sum(max(kw, 0.0) for kw in of_meters))
        assert meters == len(of_meters)
        assert peak <= total + SOME
        assert coincidence is None or coincidence <= 1 + SOME
        assert diversity is None or diversity >= 1 - SOME
