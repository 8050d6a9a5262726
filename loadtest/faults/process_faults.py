"""Workers killed and frozen, the supervisor killed, the service stopped and told to reload."""

import contextlib
import os
import signal

from loadtest.faults.scenario import Scenario, Scene
from loadtest.faults.stage import wait_until
from loadtest.process_figures import family, listeners
from loadtest.service_under_test import ServiceProcess

_BETWEEN_KILLS_S = 1.0


def workers_of(service: ServiceProcess) -> list[int]:
    """Return the processes that serve `meter_usage`, without those that only started them."""
    found = family(service.pid)
    above = {service.pid, *(it.pid for it in found if it.parent_pid == service.pid)}
    below = [it.pid for it in found if it.pid not in above]
    return listeners(below, service.meter_usage_port)


def _workers_killed(scene: Scene) -> None:
    """One at a time, oftener than Granian bears; then all at once."""
    with scene.fault():
        for number in range(2 * scene.scale.repetitions):
            workers = workers_of(scene.stage.service)
            if workers:
                everyone = number % 3 == 2
                for pid in workers if everyone else [scene.rng.choice(workers)]:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            scene.wait(_BETWEEN_KILLS_S * scene.rng.random())


def _worker_frozen(scene: Scene) -> None:
    """It holds requests and connections and does nothing, until somebody notices and kills it."""
    frozen = workers_of(scene.stage.service)[0]
    with scene.fault():
        os.kill(frozen, signal.SIGSTOP)
        wait_until(
            lambda: frozen not in workers_of(scene.stage.service),
            "the frozen worker is replaced",
            timeout_s=scene.scale.recovery_s_max,
        )


def _supervisor_killed(scene: Scene) -> None:
    for _ in range(scene.scale.repetitions):
        with scene.fault():
            scene.stage.service.kill()
            scene.stage.start_service_again()
        scene.wait_recovered()
        scene.wait(scene.scale.pace.pause_s)


def _stopped(scene: Scene) -> None:
    for _ in range(scene.scale.repetitions):
        with scene.fault():
            code = scene.stage.service.stop()
            if code != 0:
                raise RuntimeError(f"the service ended with {code}")
            scene.stage.start_service_again()
        scene.wait_recovered()
        scene.wait(scene.scale.pace.pause_s)


def _hung_up(scene: Scene) -> None:
    """Whatever SIGHUP does, new settings or new workers, requests go on."""
    with scene.fault():
        for _ in range(scene.scale.repetitions):
            os.kill(scene.stage.service.pid, signal.SIGHUP)
            scene.wait(2 * _BETWEEN_KILLS_S)


SCENARIOS = (
    Scenario("workers-killed", _workers_killed),
    Scenario("worker-frozen", _worker_frozen),
    Scenario("supervisor-killed", _supervisor_killed),
    Scenario("service-stopped", _stopped),
    Scenario("service-hung-up", _hung_up),
)
