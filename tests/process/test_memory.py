"""The memory of a worker, held to the formula of the docs by the program that holds it there."""

from dataclasses import replace
from pathlib import Path

import pytest
from loadtest.memory.bound import Load
from loadtest.memory.command import failed, run_scenario
from loadtest.memory.scenarios import SCENARIOS, Stage
from loadtest.readings import produce
from tests.process.running_service import QuestDBPorts

pytestmark = [pytest.mark.process, pytest.mark.questdb]

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}


@pytest.fixture
def stage(questdb: QuestDBPorts, tmp_path: Path) -> Stage:
    lines = tmp_path / "readings.ndjson"
    produce(lines, 50_000)
    # No scenario here stops QuestDB, which others may use.
    return Stage(questdb, 0, lines, 50_000, tmp_path, stream_bytes=60_000_000)


def test_endless_body_stays_below_the_bound(stage: Stage) -> None:
    seen = run_scenario(BY_NAME["stream"], stage)
    assert failed([seen]) == []
    assert seen.peak_mib > 40


def test_more_than_the_formula_says_and_a_wrong_answer_are_found(stage: Stage) -> None:
    refused = replace(
        BY_NAME["tiny"], load=Load(), run=BY_NAME["crowd"].run, source={"max_request_records": 10}
    )
    seen = run_scenario(refused, stage)
    assert "answers are wrong" in seen.fault
    assert failed([seen]) != []
