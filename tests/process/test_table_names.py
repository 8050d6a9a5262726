"""A config that gives the streams' tables other names: every command creates and reads those."""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.process.own_questdb import OwnQuestDB
from tests.process.raw_http import json_lines
from tests.process.running_service import RunningService, run_command, run_service

from utility_ts_analytics import connected, fetch_rows, latest_readings
from utility_ts_analytics.records.streams import STREAMS

pytestmark = [pytest.mark.process, pytest.mark.questdb]

NAMES = {stream: f"{stream[0]}_scada" for stream in STREAMS}
METERS = NAMES["meter_usage"]
START = datetime(2024, 1, 1, tzinfo=UTC)  # a Monday
WEEK = ("--from", "2024-01-01", "--to", "2024-01-08")
READINGS = 7 * 48
TIMEOUT_S = 120.0


class Named:
    """A database that has the named tables only, and a service that has filled them."""

    def __init__(self, place: Path, database: OwnQuestDB, service: RunningService) -> None:
        self.place = place
        self.database = database
        self._config = service.config

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        done = run_command(
            *arguments, "--config", str(self._config), cwd=self.place, timeout_s=TIMEOUT_S
        )
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Named]:
    place = tmp_path_factory.mktemp("named")
    database = OwnQuestDB(place)
    overrides = {stream: {"name": name} for stream, name in NAMES.items()}
    with (
        database.server,
        run_service(place, database.addresses, overrides, ready=False) as service,
    ):
        named = Named(place, database, service)
        named.run("schema", "apply", "--views")
        service.wait_ready()
        _post(service)
        database.tables.execute(
            "INSERT INTO meter_feeder_map(valid_from, meter_id, feeder_id)"
            " VALUES ('2000-01-01', 'm-1', 'F1')"
        )
        database.tables.execute(
            "INSERT INTO network_measurements SELECT"
            " timestamp_sequence('2024-01-01', 900_000_000L), 'head', 'F1', 'active_power', 0.002,"
            " 'MW', 'VALID' FROM long_sequence(672)"
        )
        for table in (*NAMES.values(), "meter_feeder_map", "network_measurements"):
            database.tables.wait_applied(table)
        yield named


def _post(service: RunningService) -> None:
    times = [(START + timedelta(minutes=30 * index)).isoformat() for index in range(READINGS)]
    usage = [{"ts": ts, "meter_id": "m-1", "kwh": 0.5} for ts in times]
    output = [{"ts": ts, "plant_id": "p-1", "mw": 2.0} for ts in times]
    for stream, rows in (("meter_usage", usage), ("generation_output", output)):
        posted = service.post_lines(json_lines(rows), stream=stream).accepted_all()
        assert posted.accepted == READINGS


def test_schema_apply_creates_the_named_tables_and_no_others(named: Named) -> None:
    found = {
        str(name) for [name] in named.database.tables.execute("SELECT table_name FROM tables()")
    }
    assert found >= {*NAMES.values(), f"{METERS}_hourly", f"{METERS}_daily"}
    assert found.isdisjoint(NAMES)
    assert "tables are as sql/schema says" in named.run("check").stdout


def test_schema_show_has_the_names_of_the_config_it_is_given(named: Named) -> None:
    shown = named.run("schema", "show", "--views").stdout
    assert f'CREATE TABLE IF NOT EXISTS "{METERS}" (' in shown
    assert f'"{METERS}_daily"' in shown


def test_question_reads_the_named_tables_fresh_and_archived(named: Named) -> None:
    archive = named.place / "archive"
    archive.mkdir()
    fresh = named.run("analyze", "load", *WEEK, "--every", "1w", "--format", "csv").stdout
    named.run("archive", "--dir", str(archive))
    assert {path.name for path in archive.iterdir()} >= set(NAMES.values())
    offline = ("--offline", "--dir", str(archive), "--format", "csv")
    archived = named.run("analyze", "load", *WEEK, "--every", "1w", *offline).stdout
    assert fresh == archived
    assert fresh.endswith('"system",168,1\n')  # kWh, mean kW
    named.run("archive", "--dir", str(archive), "--verify")


def test_report_finds_period_and_intervals_in_the_named_tables(named: Named) -> None:
    page = named.place / "report.html"
    title = named.run("report", "--out", str(page)).stdout
    assert "Readings of 1 to 7 January 2024" in title
    assert "every 30 minutes" in page.read_text()


def test_balance_counts_the_readings_of_the_named_table(named: Named) -> None:
    done = named.run("feeder-balance", *WEEK, "--every", "1h", "--meter-interval", "30m", "--json")
    balance = json.loads(done.stdout)["feeders"]["F1"]
    assert balance["supplied_kwh"] == pytest.approx(336.0)
    assert balance["demand_kwh"] == pytest.approx(168.0)


def test_typed_query_reads_the_table_it_is_given(named: Named) -> None:
    async def main() -> list[str]:
        async with connected(named.database.addresses.pg_uri) as connection:
            rows = await fetch_rows(connection, latest_readings(table=METERS))
        return [row.meter_id for row in rows]

    assert asyncio.run(main()) == ["m-1"]
