"""Many faults, one upon the other, in an order that only the seed knows."""

import contextlib
import os
import signal
import time
from collections.abc import Callable

from loadtest.faults.line_faults import random_cuts
from loadtest.faults.process_faults import workers_of
from loadtest.faults.proxy import Proxy, ProxyThread
from loadtest.faults.scenario import Scenario, Scene
from loadtest.faults.stage import Setup
from loadtest.faults.table_faults import hold_suspended

_LINE_FAULT_S_MAX = 2.0
_BETWEEN_S_MAX = 0.7


def _kill_questdb(scene: Scene) -> None:
    scene.stage.kill_questdb()
    scene.wait(scene.rng.random())
    scene.stage.start_questdb()


def _kill_worker(scene: Scene) -> None:
    workers = workers_of(scene.stage.service)
    if workers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(scene.rng.choice(workers), signal.SIGKILL)


def _kill_supervisor(scene: Scene) -> None:
    scene.stage.service.kill()
    scene.stage.start_service_again(ready=False)


def _stop_service(scene: Scene) -> None:
    scene.stage.service.stop()
    scene.stage.start_service_again(ready=False)


def _hang_up(scene: Scene) -> None:
    os.kill(scene.stage.service.pid, signal.SIGHUP)


def _suspend(scene: Scene) -> None:
    with scene.stage.database as database:
        hold_suspended(scene, database, scene.rng.random() * _LINE_FAULT_S_MAX)


def _harm_lines(scene: Scene) -> None:
    """One line or both, each in its own way; sometimes they stay so for the faults to come."""
    for line in (scene.stage.ilp, scene.stage.pgwire):
        if scene.rng.random() < 0.6:
            _harm(scene, line)
    scene.wait(scene.rng.random() * _LINE_FAULT_S_MAX)
    if scene.rng.random() < 0.7:
        scene.stage.mend()


def _harm(scene: Scene, line: ProxyThread) -> None:
    cuts = random_cuts(scene.rng, up_bytes_max=200_000, down_bytes_max=500)
    harms: list[Callable[[Proxy], object]] = [
        Proxy.hold,
        Proxy.cut,
        lambda it: it.cut_after(cuts),
        lambda it: it.half_close("down"),
        lambda it: it.half_close("up"),
        lambda it: it.slow_down(delay_s=0.05, rate_bytes_per_s=50_000),
    ]
    if scene.rng.random() < 0.3:
        line.do(Proxy.refuse)
        return
    chosen = scene.rng.choice(harms)

    def harm(proxy: Proxy) -> None:
        chosen(proxy)

    line.do(harm)


_FAULTS = (
    _harm_lines,
    _harm_lines,
    _harm_lines,
    _kill_questdb,
    _kill_worker,
    _kill_supervisor,
    _stop_service,
    _hang_up,
    _suspend,
)


def _storm(scene: Scene) -> None:
    end_s = time.monotonic() + scene.scale.seconds
    with scene.fault():
        for fault in scene.rng.sample(_FAULTS, len(_FAULTS)):
            fault(scene)
            scene.wait(scene.rng.random() * _BETWEEN_S_MAX)
        while time.monotonic() < end_s:
            scene.rng.choice(_FAULTS)(scene)
            scene.wait(scene.rng.random() * _BETWEEN_S_MAX)
        scene.stage.mend()


SCENARIOS = (
    Scenario("storm", _storm, Setup(proxied=True)),
    Scenario("storm-spooling", _storm, Setup(proxied=True, spool=(("dir", "spool"),))),
)
