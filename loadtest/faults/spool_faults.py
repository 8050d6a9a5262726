"""A service with a spool while QuestDB is away: killed meanwhile, its spool full, its disk full."""

import contextlib
import os
import signal

from loadtest.faults.process_faults import workers_of
from loadtest.faults.scenario import Scenario, Scene
from loadtest.faults.stage import Setup, wait_until

_SMALL_BYTES = 2 * 1024 * 1024
_FOLDER = ("dir", "spool")

SPOOLING = Setup(spool=(_FOLDER,))
SMALL_SPOOL = Setup(spool=(_FOLDER, ("max_bytes", _SMALL_BYTES)))
SMALL_DISK = Setup(spool=(_FOLDER,), spool_disk_bytes=_SMALL_BYTES)


def _questdb_stopped(scene: Scene) -> None:
    with scene.fault():
        scene.stage.stop_questdb()
        scene.wait(scene.scale.seconds)
        scene.wait_answered()
        scene.stage.start_questdb()


def _killed_meanwhile(scene: Scene) -> None:
    """What was acknowledged lies on the disk, in files of processes that are no more."""
    with scene.fault():
        scene.stage.stop_questdb()
        scene.wait_answered()
        for _ in range(scene.scale.repetitions):
            for pid in workers_of(scene.stage.service):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            scene.wait_answered()
            scene.stage.service.kill()
            scene.stage.start_service_again(ready=False)
            scene.wait_answered()
        scene.stage.start_questdb()


def _full(scene: Scene) -> None:
    """Once there is no room, posts are refused and nothing that was taken is harmed."""
    with scene.fault():
        scene.stage.stop_questdb()
        scene.wait_answered()
        refused = scene.ledger.answers["503"]
        wait_until(
            lambda: scene.ledger.answers["503"] > refused,
            "posts are refused for lack of room",
            timeout_s=scene.scale.recovery_s_max,
        )
        scene.wait(scene.scale.seconds / 2)
        scene.stage.start_questdb()


SCENARIOS = (
    Scenario("spool-questdb-stopped", _questdb_stopped, SPOOLING),
    Scenario("spool-killed-meanwhile", _killed_meanwhile, SPOOLING),
    Scenario("spool-full", _full, SMALL_SPOOL),
    Scenario("spool-disk-full", _full, SMALL_DISK),
)
