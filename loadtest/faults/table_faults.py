"""The table itself: suspended, and dropped and made again."""

import time

from loadtest.faults.scenario import Scenario, Scene
from loadtest.questdb_rest import QuestDBRest
from loadtest.stored_comparison import TABLE

_LOOK_S = 0.05
_SUSPENDED_SQL = f"SELECT count() FROM wal_tables() WHERE name = '{TABLE}' AND suspended"  # noqa: S608 - constant


def _suspended(scene: Scene) -> None:
    with scene.stage.database as database, scene.fault():
        hold_suspended(scene, database, scene.scale.seconds)


def hold_suspended(scene: Scene, database: QuestDBRest, seconds: float) -> None:
    """Suspend the table, and again whenever it is not: QuestDB 9.3.4 ends it by itself under load.

    An apply that is under way when SUSPEND comes takes it back when it is done.
    """
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        if not database.count(_SUSPENDED_SQL):
            database.execute(f"ALTER TABLE {TABLE} SUSPEND WAL")
        scene.wait(_LOOK_S)
    database.execute(f"ALTER TABLE {TABLE} RESUME WAL")


def _dropped(scene: Scene) -> None:
    """What was stored before goes with the table. What is acknowledged afterwards should not."""
    with scene.stage.database as database:
        for _ in range(scene.scale.repetitions):
            scene.ledger.release_acknowledged()
            scene.versions.release_acknowledged()
            with scene.fault():
                database.execute(f"DROP TABLE {TABLE}")
                scene.stage.service.apply_schema()
            scene.wait_recovered()
            scene.wait(scene.scale.seconds / scene.scale.repetitions)


SCENARIOS = (
    Scenario("table-suspended", _suspended),
    Scenario("table-dropped", _dropped, may_lose=True),
)
