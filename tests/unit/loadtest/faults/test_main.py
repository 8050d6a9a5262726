"""The command line of the fault suite; tests/faults plays what it plays."""

import pytest
from loadtest.faults.__main__ import main, rows_needed
from loadtest.faults.catalogue import SCENARIOS
from loadtest.faults.named_sequences import NAMED
from loadtest.faults.stage import Scale


def test_list_names_every_scenario_and_sequence_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    assert capsys.readouterr().out.split() == [*SCENARIOS, *NAMED]
    assert SCENARIOS.keys().isdisjoint(NAMED)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--only", "no-such-fault"],
        ["--seconds", "0"],
        ["--seconds", "inf"],
        ["--sequences", "-1"],
        ["x"],
    ],
)
def test_what_cannot_be_played_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as error:
        main(arguments)
    assert error.value.code == 2


def test_enough_readings_are_made_for_a_run() -> None:
    pace = Scale().pace
    bodies_per_s_max = pace.producers / pace.pause_s
    assert rows_needed(30) >= bodies_per_s_max * Scale().body_rows * 2 * 30
