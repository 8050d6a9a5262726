"""What a killed service leaves behind goes with the next start."""

import os
import signal
from pathlib import Path

import pytest
from tests.process.process_family import descendants, is_alive
from tests.process.running_service import QuestDBPorts, run_service
from tests.process.stored_tables import until

pytestmark = [pytest.mark.process, pytest.mark.questdb]


def test_temporary_folder_of_a_killed_service_goes_with_the_next_start_that_of_a_living_one_stays(
    questdb: QuestDBPorts, tmp_path: Path
) -> None:
    temporary = tmp_path / "temporary"
    places = [tmp_path / name for name in ("killed", "living", "next")]
    for folder in (temporary, *places):
        folder.mkdir()
    environment = {"TMPDIR": str(temporary)}

    def running(place: Path):  # type: ignore[no-untyped-def]
        return run_service(place, questdb, {}, ready=False, environment=environment)

    with running(places[0]) as killed:
        family = descendants(killed.process.pid)
        [abandoned] = temporary.iterdir()
        os.kill(killed.process.pid, signal.SIGKILL)
        killed.process.wait(5)
        until(lambda: not any(map(is_alive, family)), "every process has ended")
    assert abandoned.exists()
    with running(places[1]) as living:
        [of_living] = temporary.iterdir()
        assert of_living != abandoned
        with running(places[2]) as after:
            assert len(list(temporary.iterdir())) == 2
            assert of_living.exists()
            assert after.terminate() == 0
        assert list(temporary.iterdir()) == [of_living]
        assert living.ask_operations("/healthz").status == 200
        assert living.terminate() == 0
    assert list(temporary.iterdir()) == []
