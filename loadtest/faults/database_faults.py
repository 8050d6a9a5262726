"""QuestDB killed, also at the worst moment, stopped, and started late."""

from loadtest.faults.questdb_files import lose_sight
from loadtest.faults.scenario import Scenario, Scene
from loadtest.stored_comparison import TABLE


def _killed(scene: Scene) -> None:
    for _ in range(scene.scale.repetitions):
        with scene.fault():
            scene.stage.kill_questdb()
            scene.stage.start_questdb()
        scene.wait_recovered()
        scene.wait(scene.scale.pace.pause_s)


def _table_hidden(scene: Scene) -> None:
    """Killed in the one moment in which QuestDB does not know its own table after the restart."""
    with scene.fault():
        scene.stage.kill_questdb()
        lose_sight(scene.stage.data_directory, TABLE)
        scene.stage.start_questdb()


def _stopped(scene: Scene) -> None:
    with scene.fault():
        scene.stage.stop_questdb()
        scene.wait(scene.scale.seconds)
        scene.stage.start_questdb()


def _late(scene: Scene) -> None:
    """The service starts while QuestDB is away: it must serve, refuse, and find QuestDB."""
    with scene.fault():
        scene.stage.service.stop()
        scene.stage.stop_questdb()
        scene.stage.start_service_again(ready=False)
        scene.wait(scene.scale.seconds / 2)
        scene.stage.start_questdb()


SCENARIOS = (
    Scenario("questdb-killed", _killed),
    Scenario("questdb-table-hidden", _table_hidden),
    Scenario("questdb-stopped", _stopped),
    Scenario("questdb-late", _late),
)
