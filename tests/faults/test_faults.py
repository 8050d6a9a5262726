"""Nothing acknowledged is lost, doubled or undone: each fault once, under a small load.

One service after the other takes all the faults of its kind, so that what one leaves behind would
be found by the next. `storm` is left to the command: `storm-spooling` has all its faults.
"""

import pytest
from loadtest.faults.command import main
from loadtest.faults.scenario import Scenario, Scene, play
from loadtest.faults.scenarios import SCENARIOS
from loadtest.faults.stage import Stage
from loadtest.stored import TABLE

pytestmark = [pytest.mark.process, pytest.mark.questdb]

CUT = {"ConnectionRefusedError", "ConnectionResetError", "IncompleteRead", "RemoteDisconnected"}

# What clients must have met, or the fault did not happen. Where there is nothing here, a service
# may be good enough to spare them.
SIGNS: dict[str, set[str]] = {
    "questdb-killed": {"503"},
    "questdb-stopped": {"503"},
    "questdb-late": {"503", *CUT},
    "workers-killed": CUT,
    "supervisor-killed": CUT,
    "service-stopped": CUT,
    "bodies-broken": {"400", "408"},
    "answers-lost": CUT,
    "table-suspended": {"503"},
    "both-down": {"503"},
    "spool-questdb-stopped": {"202"},
    "spool-killed-meanwhile": {"202"},
    "spool-full": {"503"},
    "spool-disk-full": {"503"},
}

FIRST_ROW = f"FROM {TABLE} WHERE meter_id LIKE 'B-%' LIMIT 1"
"""Of those that are sent once: a further version would put right what is done to the others."""


@pytest.mark.parametrize("name", [name for name in SCENARIOS if name != "storm"])
def test_books_balance_after(name: str, stage: Stage) -> None:
    report = play(stage, SCENARIOS[name])
    assert report.failures == []
    assert report.books is not None
    assert report.books.acknowledged > 0
    assert report.books.versions > 0
    assert report.recovery_s is not None
    if name in SIGNS:
        assert SIGNS[name] & report.answers.keys()


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        (f"TRUNCATE TABLE {TABLE}", "lost"),
        (f"INSERT INTO {TABLE} (ts, meter_id, kwh) SELECT ts, meter_id, 7 {FIRST_ROW}", "wrong"),
        (f"INSERT INTO {TABLE} (ts, meter_id, kwh) SELECT ts, 'stranger', 7 {FIRST_ROW}", "unsent"),
    ],
)
def test_loss_and_damage_are_found(statement: str, what: str, stage: Stage) -> None:
    """The proof can fail: someone spoils the table behind the service's back."""

    def spoil(scene: Scene) -> None:
        with scene.stage.database as database, scene.fault():
            database.wait_applied(TABLE)
            database.execute(statement)

    report = play(stage, Scenario("spoilt", spoil))
    assert report.books is not None
    assert getattr(report.books, what) > 0
    assert "the books do not balance" in report.failures


def test_command_plays_one_fault_and_prints_its_row(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "worker-frozen", "--seconds", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("| worker-frozen")]
    assert lines[-1] == "nothing acknowledged was lost, doubled or undone"
