"""QuestDB killed, stopped, and started late."""

from loadtest.faults.scenario import Scenario, Scene


def _killed(scene: Scene) -> None:
    for _ in range(scene.scale.repetitions):
        with scene.fault():
            scene.stage.kill_questdb()
            scene.stage.start_questdb()
        scene.wait_recovered()
        scene.wait(scene.scale.pace.pause_s)


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
    Scenario("questdb-stopped", _stopped),
    Scenario("questdb-late", _late),
)
