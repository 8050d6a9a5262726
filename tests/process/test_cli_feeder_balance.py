"""`feeder-balance` as a process, on the sample: run, again, killed, and wrongly used."""

import json
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import TestQuestDB
from tests.process.running_service import (
    ServicePorts,
    command,
    command_environment,
    free_ports,
    run_command,
    run_without,
    write_config,
)

pytestmark = [pytest.mark.process, pytest.mark.questdb]

RESULT = "feeder_energy_balance"
FACTS = (
    "ts, feeder_id, interval_minutes, generation_kwh, supplied_kwh, demand_kwh, loss_kwh, loss_pct,"
    " coverage_pct, quality_score, cause_hint, alert"
)
EXPECTED = json.loads((Path(__file__).parents[2] / "data-samples" / "expected.json").read_text())
WEEK = ("--from", "2024-06-03", "--to", "2024-06-10T00:00:00Z")


@pytest.fixture
def sample(sample_questdb: TestQuestDB) -> Iterator[TestQuestDB]:
    """The sample, with no results before and after."""
    sample_questdb.truncate(RESULT)
    yield sample_questdb
    sample_questdb.truncate(RESULT)


@pytest.fixture
def config(sample_questdb: TestQuestDB, tmp_path: Path) -> Path:
    ports = ServicePorts(*free_ports(3))
    return write_config(tmp_path / "config.toml", sample_questdb, ports, {})


def run(config: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command_line = ("feeder-balance", "--config", str(config), *arguments)
    return run_command(*command_line, cwd=config.parent)


def stored(sample: TestQuestDB, columns: str = FACTS) -> list[tuple[object, ...]]:
    return sample.query(f"SELECT {columns} FROM {RESULT} ORDER BY ts, feeder_id")


def digits(rows: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """Return the rows with sums as they are in whatever order they were added."""
    return [
        tuple(f"{value:.9g}" if isinstance(value, float) else value for value in row)
        for row in rows
    ]


def test_week_has_the_losses_built_into_the_sample_and_again(
    sample: TestQuestDB, config: Path
) -> None:
    done = run(config, *WEEK)
    assert (done.returncode, done.stderr) == (0, "")
    assert "2,016 rows written to feeder_energy_balance" in done.stdout
    assert "F2: supplied 14,572.3 kWh" in done.stdout
    first = stored(sample)
    assert len(first) == 2016
    sums = sample.query(
        "SELECT feeder_id, sum(supplied_kwh), sum(generation_kwh), sum(demand_kwh), sum(loss_kwh),"
        f" count() FROM {RESULT} ORDER BY feeder_id"
    )
    for feeder, supplied, generation, demand, loss, count in sums:
        expected = EXPECTED["feeders"][feeder]
        missing = sum(
            kwh for meter, kwh in EXPECTED["missing_kwh"].items() if f"-{feeder}-" in meter
        )
        assert count == 672
        assert supplied == pytest.approx(expected["supplied_kwh"], abs=0.002)
        assert generation == pytest.approx(expected["generation_kwh"], abs=0.002)
        assert demand == pytest.approx(expected["demand_kwh"] - missing, abs=0.002)
        assert loss == pytest.approx(expected["loss_kwh"] + missing, abs=0.002)
    # Losses of 2.5 to 6 % and a twelfth of a reading missing are nothing to be told of.
    assert {row[-2:] for row in first} == {(None, None)}

    again = run(config, *WEEK, "--json")
    assert again.returncode == 0
    facts = json.loads(again.stdout)
    assert facts["rows"] == 2016
    assert facts["feeders"]["F1"]["coverage_min_pct"] == 99
    assert facts["feeders"]["F3"]["loss_kwh"] == pytest.approx(254.353, abs=0.002)
    assert digits(stored(sample)) == digits(first)


def test_days_of_the_zone_of_one_feeder(sample: TestQuestDB, config: Path) -> None:
    days = ("--every", "1d", "--zone", "Europe/Berlin")
    done = run(config, "--from", "2024-06-04", "--to", "2024-06-06", *days, "--feeder", "F2")
    assert done.returncode == 0, done.stderr
    found = stored(sample, "ts, feeder_id, interval_minutes, cause_hint")
    assert found == [
        ("2024-06-03T22:00:00.000000Z", "F2", 1440, None),
        ("2024-06-04T22:00:00.000000Z", "F2", 1440, None),
    ]
    quarters = run(config, "--from", "2024-06-04", "--to", "2024-06-05", "--feeder", "F2")
    assert quarters.returncode == 1
    [line] = quarters.stderr.splitlines()
    assert "rows of other intervals, 2 of 1440 minutes" in line
    assert stored(sample, "ts, feeder_id, interval_minutes, cause_hint") == found


def test_dry_run_writes_nothing(sample: TestQuestDB, config: Path) -> None:
    done = run(config, *WEEK, "--dry-run")
    assert done.returncode == 0
    assert "2,016 rows computed, nothing written" in done.stdout
    assert stored(sample) == []


def test_job_killed_in_the_middle_leaves_whole_days_and_is_run_again(
    sample: TestQuestDB, config: Path
) -> None:
    """A month, of which the sample has a week; killed as soon as a day can be seen."""
    month = ("--from", "2024-06-01", "--to", "2024-07-01")
    process = subprocess.Popen(
        command("feeder-balance", "--config", str(config), *month),
        cwd=config.parent,
        env=command_environment(),
        stdout=subprocess.DEVNULL,
    )
    pause = threading.Event()
    try:
        while not sample.query(f"SELECT ts FROM {RESULT} LIMIT 1") and process.poll() is None:
            pause.wait(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        code = process.wait(10)
    sample.wait_applied(RESULT)
    begun = stored(sample)
    assert code == -signal.SIGKILL
    assert 0 < len(begun) < 30 * 288
    assert len(begun) % 288 == 0

    done = run(config, *month, "--json")
    assert json.loads(done.stdout)["rows"] == len(stored(sample)) == 30 * 288
    assert stored(sample)[: len(begun)] == begun


def test_feeder_that_is_not_there_is_said_and_exits_1(sample: TestQuestDB, config: Path) -> None:
    done = run(config, *WEEK, "--every", "60m", "--feeder", "F1", "--feeder", "F9")
    assert done.returncode == 1
    assert done.stderr == "nothing is mapped to or measured at F9 in this period\n"
    assert len(stored(sample)) == 168


def test_wrong_usage_exits_2_with_every_problem(tmp_path: Path) -> None:
    arguments = ("--from", "2024-06-03T00:01Z", "--to", "2024-06-04", "--head", "F1")
    done = run(tmp_path / "missing.toml", *arguments)
    assert done.returncode == 2
    options = [line.split(": ")[1] for line in done.stderr.splitlines()]
    assert options[:2] == ["--head", "--from, --to"]
    assert options[2].endswith("missing.toml")
    assert run(tmp_path / "missing.toml", "--from", "2024-06-03").returncode == 2


def test_without_the_extra_the_command_names_it(
    sample_questdb: TestQuestDB, config: Path, tmp_path: Path
) -> None:
    done = run_without("duckdb", "feeder-balance", "--config", str(config), *WEEK, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == (
        "ingestion-service: cannot compute balances: duckdb is not installed;"
        " run pip install 'utility-ts-analytics[analysis]'\n"
    )


def test_questdb_away_exits_1_in_one_line(sample_questdb: TestQuestDB, tmp_path: Path) -> None:
    [port] = free_ports(1)
    uri = f"postgresql://admin:hidden-6b1d@127.0.0.1:{port}/qdb"
    overrides = {"questdb": {"uri": uri}}
    ports = ServicePorts(*free_ports(3))
    config = write_config(tmp_path / "config.toml", sample_questdb, ports, overrides)
    done = run(config, *WEEK)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert str(port) in line
    assert "hidden-6b1d" not in line
