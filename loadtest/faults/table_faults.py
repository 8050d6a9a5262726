"""The table itself: suspended, and dropped and made again."""

from loadtest.faults.scenario import Scenario, Scene
from loadtest.stored_comparison import TABLE


def _suspended(scene: Scene) -> None:
    with scene.stage.database as database, scene.fault():
        database.execute(f"ALTER TABLE {TABLE} SUSPEND WAL")
        scene.wait(scene.scale.seconds)
        database.execute(f"ALTER TABLE {TABLE} RESUME WAL")


def _dropped(scene: Scene) -> None:
    """What was stored before goes with the table. What is acknowledged afterwards should not."""
    with scene.stage.database as database:
        for _ in range(scene.scale.repetitions):
            scene.ledger.release_acknowledged()
            with scene.fault():
                database.execute(f"DROP TABLE {TABLE}")
                scene.stage.service.apply_schema()
            scene.wait_recovered()
            scene.wait(scene.scale.seconds / scene.scale.repetitions)


SCENARIOS = (
    Scenario("table-suspended", _suspended),
    Scenario("table-dropped", _dropped, may_lose=True),
)
