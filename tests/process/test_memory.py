"""The memory of a worker, held to the formula of the docs by the program that holds it there."""

from dataclasses import replace
from pathlib import Path

import pytest
from loadtest.memory.__main__ import Place, run_scenario
from loadtest.memory.bound import Load
from loadtest.memory.report import failed
from loadtest.memory.scenarios import SCENARIOS
from loadtest.meter_posts import produce
from loadtest.service_under_test import DatabasePorts
from tests.process.running_service import QuestDBPorts

pytestmark = [pytest.mark.process, pytest.mark.questdb]

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}


@pytest.fixture
def place(questdb: QuestDBPorts, tmp_path: Path) -> Place:
    lines = tmp_path / "readings.ndjson"
    produce(lines, 50_000)
    ports = DatabasePorts(questdb.http_port, questdb.ilp_port, questdb.pg_uri)
    # No scenario here stops QuestDB, which others may use.
    return Place(ports, 0, lines, 50_000, tmp_path, stream_bytes=60_000_000)


def test_endless_body_stays_below_the_bound(place: Place) -> None:
    seen = run_scenario(BY_NAME["stream"], place)
    assert failed([seen]) == []
    assert seen.peak_mib > 40


def test_more_than_the_formula_says_and_a_wrong_answer_are_found(place: Place) -> None:
    refused = replace(
        BY_NAME["tiny"], load=Load(), run=BY_NAME["crowd"].run, source={"max_request_records": 10}
    )
    seen = run_scenario(refused, place)
    assert "answers are wrong" in seen.fault
    assert failed([seen]) != []
