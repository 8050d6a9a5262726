"""The Dagster example, materialized in this process against a real QuestDB."""

import asyncio
import importlib
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.conftest import TestQuestDB, insert_reference_rows
from tests.examples.delivered_files import deliver
from tests.examples.packages import package_folder
from tests.process.running_service import PROJECT, ServicePorts, free_ports, write_config

from utility_ts_analytics.records.streams import STREAMS

pytestmark = [pytest.mark.process, pytest.mark.questdb]

ZONE = "Europe/Berlin"
DAYS = ("2024-06-04", "2024-06-05")
QUARTERS, FEEDERS = 96, 3
COMMAND = (sys.executable, "-m", "utility_ts_analytics")
KILLED_TWICE = """
import os, pathlib, signal, subprocess, sys
starts = pathlib.Path({starts!r})
with starts.open("a") as file:
    number = file.write("x") + starts.stat().st_size
child = subprocess.Popen({command!r} + sys.argv[1:])
if number == 1:
    try:
        child.wait(0.3)
    except subprocess.TimeoutExpired:
        child.kill()
code = child.wait()
if number < 3:
    os.kill(os.getpid(), signal.SIGKILL)
sys.exit(code)
"""
"""Runs a command. The first one is killed early, the second when it is done and nobody was told."""


@pytest.fixture(scope="module", autouse=True)
def signals_as_before() -> Iterator[None]:
    """Dagster gives SIGTERM the handler of SIGINT, which later tests must not inherit."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class Orchestra:
    """The example's assets, and the places and service they work with."""

    def __init__(self, place: Path, config: Path) -> None:
        self.place, self.config = place, config
        self.dagster: Any = importlib.import_module("dagster")
        self.example: Any = importlib.import_module("examples.dagster.definitions")

    def materialize(
        self,
        day: str,
        *,
        only: Sequence[str] = (),
        command: tuple[str, ...] = COMMAND,
        config: Path | None = None,
    ) -> Any:
        """Materialize all assets of one day, or only some of them."""
        with self.dagster.DagsterInstance.ephemeral() as instance:
            return self.dagster.materialize(
                self.example.ASSETS,
                partition_key=day,
                selection=list(only) or None,
                raise_on_error=False,
                instance=instance,
                resources={
                    "service": self.example.IngestionService(
                        command=list(command), config=str(config or self.config), timeout_s=300
                    ),
                    "places": self.example.Places(
                        inbox=str(self.place / "inbox"),
                        archive=str(self.place / "archive"),
                        reports=str(self.place / "reports"),
                    ),
                },
            )


def facts_of(result: Any, asset: str) -> Mapping[str, Any]:
    """Return the metadata of an asset, as plain values."""
    [materialization] = result.asset_materializations_for_node(asset)
    return {name: fact.value for name, fact in materialization.metadata.items()}


def retries_of(result: Any, asset: str) -> int:
    return sum(event.step_key == asset and event.is_step_restarted for event in result.all_events)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestQuestDB]:
    """A QuestDB with the sample's reference rows and measurements, and no readings."""
    server = TestQuestDB(tmp_path_factory.mktemp("orchestrated"))
    server.start()
    asyncio.run(insert_reference_rows(server.pg_uri))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def orchestra(
    database: TestQuestDB, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Orchestra]:
    package_folder("dagster")
    place = tmp_path_factory.mktemp("utility")
    (place / "archive").mkdir()
    config = write_config(place / "config.toml", database, ServicePorts(*free_ports(3)), {})
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("UTILITY_ZONE", ZONE)
        patched.setenv("UTILITY_FIRST_DAY", DAYS[0])
        patched.setenv("UTILITY_RETRY_DELAY_S", "0.1")
        patched.setenv("DAGSTER_HOME", "")
        patched.setenv("PYTHONPATH", str(PROJECT / "server"))
        patched.setenv("XDG_STATE_HOME", str(place / "state"))
        yield Orchestra(place, config)


@pytest.fixture(scope="module")
def delivered(orchestra: Orchestra) -> dict[tuple[str, str], int]:
    return deliver(orchestra.place / "inbox", DAYS, ZONE)


def counts(database: TestQuestDB) -> dict[str, object]:
    tables = (*STREAMS, "feeder_energy_balance")
    for table in tables:
        database.wait_applied(table)
    return {table: database.query(f"SELECT count() FROM {table}")[0][0] for table in tables}


def test_two_days_go_through_all_assets_and_once_more_changes_nothing(
    orchestra: Orchestra, database: TestQuestDB, delivered: Mapping[tuple[str, str], int]
) -> None:
    no_page = ("readings", "archived", "feeder_balance")
    for day, only in zip(DAYS, ((), no_page), strict=True):
        result = orchestra.materialize(day, only=only)
        assert result.success
        loaded = facts_of(result, "readings")
        for stream in STREAMS:
            assert loaded[f"{stream}/accepted"] == delivered[stream, day]
            assert loaded[f"{stream}/ok"] is True
        balance = facts_of(result, "feeder_balance")
        assert balance["rows"] == FEEDERS * QUARTERS
        assert set(balance["feeders"]) == {"F1", "F2", "F3"}
        assert facts_of(result, "archived")
        if not only:
            page = facts_of(result, "daily_report")
            assert page["bytes"] == Path(page["page"]).stat().st_size > 10_000
    stored = counts(database)
    assert stored == {
        **{stream: sum(delivered[stream, day] for day in DAYS) for stream in STREAMS},
        "feeder_energy_balance": len(DAYS) * FEEDERS * QUARTERS,
    }
    assert _archived_energy(orchestra) == pytest.approx(_stored_energy(database), rel=1e-12)

    assert orchestra.materialize(DAYS[0], only=no_page).success
    assert counts(database) == stored
    assert _archived_energy(orchestra) == pytest.approx(_stored_energy(database), rel=1e-12)


def _archived_energy(orchestra: Orchestra) -> tuple[object, ...]:
    files = orchestra.place / "archive" / "meter_usage" / "*" / "*.parquet"
    sql = f"SELECT count(*), sum(kwh) FROM read_parquet('{files}')"
    [found] = duckdb.connect().sql(sql).fetchall()
    return found


def _stored_energy(database: TestQuestDB) -> tuple[object, ...]:
    return database.query("SELECT count(), sum(kwh) FROM meter_usage")[0]


def test_load_that_is_killed_is_retried_and_stores_each_row_once(
    orchestra: Orchestra, database: TestQuestDB, delivered: Mapping[tuple[str, str], int]
) -> None:
    database.truncate(*STREAMS)
    starts = orchestra.place / "starts"
    script = KILLED_TWICE.format(starts=str(starts), command=list(COMMAND))
    command = (sys.executable, "-c", script)
    result = orchestra.materialize(DAYS[0], only=("readings",), command=command)
    assert result.success
    assert retries_of(result, "readings") == 2
    assert starts.stat().st_size == 2 + len(STREAMS)
    found = counts(database)
    assert [found[stream] for stream in STREAMS] == [delivered[s, DAYS[0]] for s in STREAMS]


@pytest.mark.parametrize("case", ["wrong configuration", "refused record", "nothing delivered"])
def test_what_a_retry_cannot_mend_fails_at_once(
    case: str, orchestra: Orchestra, database: TestQuestDB, delivered: object, tmp_path: Path
) -> None:
    assert delivered
    day, config, cause = DAYS[0], orchestra.config, "nothing was delivered"
    match case:
        case "wrong configuration":
            config, cause = tmp_path / "none.toml", "load ended with 2"
        case "refused record":
            day, cause = "2024-06-06", "load ended with 1"
            for stream in STREAMS:
                (orchestra.place / "inbox" / stream / day).mkdir(parents=True)
            lines = '{"ts":"2024-06-06T00:00:00Z","meter_id":"M-F1-001","kwh":"high"}\n'
            (orchestra.place / "inbox" / "meter_usage" / day / "a.ndjson").write_text(lines)
        case _:
            day = "2024-06-09"
    result = orchestra.materialize(day, only=("readings",), config=config)
    assert not result.success
    assert retries_of(result, "readings") == 0
    [failed] = [event for event in result.all_events if event.is_step_failure]
    told = failed.step_failure_data.user_failure_data
    assert cause in told.description
    if case == "refused record":
        assert told.metadata["rejected"].value + told.metadata["parse_errors"].value == 1
