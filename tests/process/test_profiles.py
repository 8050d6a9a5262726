"""A load profile for real: the dirty one balances, and a service that lies is found out."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from loadtest.database import QuestDBRest
from loadtest.profiles.catalogue import PROFILES
from loadtest.profiles.play import REPORT, Order, Place, Run, play
from loadtest.profiles.verdict import failed
from loadtest.stored import TABLE
from tests.process.lying_service import lying_service
from tests.process.running_service import QuestDBPorts, RunningService

pytestmark = [pytest.mark.process, pytest.mark.questdb]

ROOT = Path(__file__).parents[2]
PATIENT_MS = 20_000.0
"""A machine that runs other tests beside this one is no place to judge times."""


def order(name: str, rate: float) -> Order:
    profile = PROFILES[name]
    limits = replace(profile.limits, p99_ms=PATIENT_MS, arrivals_share_min=0.2)
    return Order(replace(profile, limits=limits, stock=8, rate=rate), seconds=2)


def failures(run: Run) -> list[str]:
    return [check.name for check in run.checks if not check.passed]


def test_dirty_profile_passes_and_its_books_balance(
    questdb: QuestDBPorts, service: RunningService, tmp_path: Path
) -> None:
    with QuestDBRest(questdb.http_port) as database:
        database.truncate(TABLE)
        place = Place(
            "127.0.0.1",
            service.ports.meter_usage,
            service.ports.operations,
            questdb.http_port,
            pids={"service": service.process.pid},
            own_table=True,
        )
        dirty = order("dirty", 40.0)
        run = play(replace(dirty, profile=replace(dirty.profile, replay_every=10)), place, tmp_path)
        database.truncate(TABLE)
    assert failures(run) == [], "\n".join(map(str, run.checks))
    assert not failed(run.checks)
    assert run.tally.posts > 10
    assert run.tally.replays > 0
    names = [check.name for check in run.checks]
    assert sum(name.startswith("most memory of worker") for name in names) >= 1
    assert (tmp_path / REPORT).stat().st_size > 1000


def test_service_that_stores_nothing_fails_by_its_books(
    questdb: QuestDBPorts, tmp_path: Path
) -> None:
    with lying_service(turns_away=3) as liar:
        place = Place("127.0.0.1", liar.server_port, liar.server_port, questdb.http_port)
        run = play(order("trickle", 50.0), place, tmp_path)
    # Who is turned away comes back until the answer is a right one.
    assert (run.tally.errors, run.tally.turned_away) == (0, 3)
    assert run.tally.answers == run.tally.posts + 3
    assert failures(run) == [
        "answers that sent the client away for now",
        "rows in the table",
        "bodies that are not in the table as sent, row by row and in the sum of their values",
        "rows stored, by the service",
    ]


def test_plain_locust_fails_by_its_exit_code_where_answers_are_wrong(tmp_path: Path) -> None:
    with lying_service(short=1) as liar:
        ended = subprocess.run(
            [
                *(sys.executable, "-m", "locust", "-f", ROOT / "loadtest/profiles/locustfile.py"),
                *("--load", "trickle"),
                *("--headless", "--host", f"http://127.0.0.1:{liar.server_port}", "--seconds", "1"),
                *("-u", "4", "-r", "4", "--rate", "20"),
            ],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert ended.returncode == 1
    assert "FAIL posts without their right answer: expected at most 0 of" in ended.stdout
    assert "accepted, parse errors, rejected are (9, 0, 0), not (10, 0, 0)" in ended.stdout
