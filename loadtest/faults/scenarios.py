"""Every fault by its name: of QuestDB, processes, clients, the table, connections, the spool.

Faults with the same setup stand together: each new setup starts the service again.
"""

import os
import signal
import time
from collections.abc import Callable
from functools import partial

from loadtest.database import QuestDBRest
from loadtest.faults.broken_clients import WAYS, BreakingClient, SlowConnections
from loadtest.faults.line_faults import LINE_SCENARIOS, random_cuts
from loadtest.faults.proxy import Proxy, ProxyThread
from loadtest.faults.scenario import Scenario, Scene
from loadtest.faults.stage import Setup, Stage
from loadtest.processes import wait_until
from loadtest.stored import TABLE

_LINE_FAULT_S_MAX = 2.0
_BETWEEN_S_MAX = 0.7
_LOOK_S = 0.05
_SUSPENDED_SQL = f"SELECT count() FROM wal_tables() WHERE name = '{TABLE}' AND suspended"  # noqa: S608 - constant


def hold_suspended(scene: Scene, database: QuestDBRest, seconds: float) -> None:
    """Suspend the table, again whenever it is not: QuestDB 9.3.4 resumes it by itself under load.

    An apply that is under way when SUSPEND comes undoes it at its end.
    """
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        if not database.count(_SUSPENDED_SQL):
            database.execute(f"ALTER TABLE {TABLE} SUSPEND WAL")
        scene.wait(_LOOK_S)
    database.execute(f"ALTER TABLE {TABLE} RESUME WAL")


def _kill_questdb(scene: Scene) -> None:
    scene.stage.kill_questdb()
    scene.wait(scene.rng.random())
    scene.stage.start_questdb()


def _suspend(scene: Scene) -> None:
    with scene.stage.database as database:
        hold_suspended(scene, database, scene.rng.random() * _LINE_FAULT_S_MAX)


def _harm_lines(scene: Scene) -> None:
    """One line or both, each in its own way; sometimes the harm lasts into the next faults."""
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
    line.do(Proxy.refuse if scene.rng.random() < 0.3 else scene.rng.choice(harms))


_FAULTS: tuple[Callable[[Scene], object], ...] = (
    _harm_lines,
    _harm_lines,
    _harm_lines,
    _kill_questdb,
    lambda scene: scene.stage.kill_workers(scene.rng),
    lambda scene: scene.stage.kill_supervisor(),
    lambda scene: scene.stage.restart_service(),
    lambda scene: scene.stage.reload_service(),
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


STORM_SCENARIOS = (
    Scenario("storm", _storm, Setup(proxied=True)),
    Scenario("storm-spooling", _storm, Setup(proxied=True, spool=(("dir", "spool"),))),
)


_ANSWER_BYTES = 400
_REQUEST_BYTES = 100_000
_BETWEEN_KILLS_S = 1.0
_SMALL_BYTES = 2 * 1024 * 1024
_FOLDER = ("dir", "spool")


def _again_and_again(strike: Callable[[Stage], None]) -> Callable[[Scene], None]:
    """Return a fault without length that strikes several times, each after a recovery."""

    def act(scene: Scene) -> None:
        for _ in range(scene.scale.repetitions):
            with scene.fault():
                strike(scene.stage)
            scene.wait_recovered()
            scene.wait(scene.scale.pace.pause_s)

    return act


def _restart_questdb(stage: Stage) -> None:
    stage.kill_questdb()
    stage.start_questdb()


def _stop_service(stage: Stage) -> None:
    code = stage.restart_service(ready=True)
    if code != 0:
        raise RuntimeError(f"the service ended with {code}")


def _questdb_stopped(scene: Scene, *, spooling: bool = False) -> None:
    with scene.fault():
        scene.stage.stop_questdb()
        scene.wait(scene.scale.seconds)
        if spooling:
            scene.wait_answered()
        scene.stage.start_questdb()


def _questdb_late(scene: Scene) -> None:
    """The service starts while QuestDB is away: it must serve, refuse, and find QuestDB."""
    with scene.fault():
        scene.stage.service.stop()
        scene.stage.stop_questdb()
        scene.stage.start_service_again(ready=False)
        scene.wait(scene.scale.seconds / 2)
        scene.stage.start_questdb()


def _workers_killed(scene: Scene) -> None:
    """One at a time, more often than Granian tolerates; then all at once."""
    with scene.fault():
        for number in range(2 * scene.scale.repetitions):
            scene.stage.kill_workers(None if number % 3 == 2 else scene.rng)
            scene.wait(_BETWEEN_KILLS_S * scene.rng.random())


def _worker_frozen(scene: Scene) -> None:
    """It holds requests and connections and does nothing, until it is noticed and killed."""
    frozen = scene.stage.workers()[0]
    with scene.fault():
        os.kill(frozen, signal.SIGSTOP)
        wait_until(
            lambda: frozen not in scene.stage.workers(),
            "the frozen worker is replaced",
            timeout_s=scene.scale.recovery_s_max,
        )


def _reloaded(scene: Scene) -> None:
    """Requests go on while SIGHUP replaces the workers."""
    with scene.fault():
        for _ in range(scene.scale.repetitions):
            scene.stage.reload_service()
            scene.wait(2 * _BETWEEN_KILLS_S)


def _bodies_broken(scene: Scene) -> None:
    stage = scene.stage
    port, rows = stage.service.meter_usage_port, scene.scale.pace.body_rows
    client = BreakingClient(scene.ledger, port, scene.rng, rows=rows)
    with scene.fault():
        end_s = time.monotonic() + scene.scale.seconds
        for _ in range(scene.scale.repetitions):
            for way in WAYS:
                client.break_one(way)
        while time.monotonic() < end_s:
            client.break_one(scene.rng.choice(WAYS[:-1]))
            scene.wait(scene.scale.pace.pause_s / 10)


def _answers_lost(scene: Scene) -> None:
    """Requests and answers cut anywhere; now and then a whole direction ends."""
    front = scene.stage.front
    choose = random_cuts(scene.rng, up_bytes_max=_REQUEST_BYTES, down_bytes_max=_ANSWER_BYTES)
    with scene.fault():
        front.do(lambda it: it.cut_after(choose))
        for number in range(2 * scene.scale.repetitions):
            scene.wait(scene.scale.seconds / (2 * scene.scale.repetitions))
            front.half_close("down" if number % 2 else "up")
        front.do(Proxy.mend)


def _slow_connections(scene: Scene) -> None:
    port, count = scene.stage.service.meter_usage_port, scene.scale.slow_connections
    with SlowConnections(port, count), scene.fault():
        scene.wait(scene.scale.seconds)


def _table_suspended(scene: Scene) -> None:
    with scene.stage.database as database, scene.fault():
        hold_suspended(scene, database, scene.scale.seconds)


def _table_dropped(scene: Scene) -> None:
    """Earlier rows go with the table. Rows acknowledged afterwards must not."""
    with scene.stage.database as database:
        for _ in range(scene.scale.repetitions):
            scene.ledger.release_acknowledged()
            with scene.fault():
                database.execute(f"DROP TABLE {TABLE}")
                scene.stage.service.apply_schema()
            scene.wait_recovered()
            scene.wait(scene.scale.seconds / scene.scale.repetitions)


def _killed_while_spooling(scene: Scene) -> None:
    """Acknowledged rows lie on the disk, in files of processes that have died."""
    with scene.fault():
        scene.stage.stop_questdb()
        scene.wait_answered()
        for _ in range(scene.scale.repetitions):
            scene.stage.kill_workers()
            scene.wait_answered()
            scene.stage.kill_supervisor()
            scene.wait_answered()
        scene.stage.start_questdb()


def _spool_full(scene: Scene) -> None:
    """Once there is no room, posts are refused and no row that was taken is harmed."""
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


_SPOOLING = Setup(spool=(_FOLDER,))
_SMALL_SPOOL = Setup(spool=(_FOLDER, ("max_bytes", _SMALL_BYTES)))
_SMALL_DISK = Setup(spool=(_FOLDER,), spool_disk_bytes=_SMALL_BYTES)

SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("questdb-killed", _again_and_again(_restart_questdb)),
        Scenario("questdb-stopped", _questdb_stopped),
        Scenario("questdb-late", _questdb_late),
        Scenario("workers-killed", _workers_killed),
        Scenario("worker-frozen", _worker_frozen),
        Scenario(
            "supervisor-killed", _again_and_again(lambda stage: stage.kill_supervisor(ready=True))
        ),
        Scenario("service-stopped", _again_and_again(_stop_service)),
        Scenario("service-hung-up", _reloaded),
        Scenario("bodies-broken", _bodies_broken),
        Scenario("answers-lost", _answers_lost, through_front=True),
        Scenario("slow-connections", _slow_connections),
        Scenario("table-suspended", _table_suspended),
        Scenario("table-dropped", _table_dropped, may_lose=True),
        *LINE_SCENARIOS,
        Scenario("spool-questdb-stopped", partial(_questdb_stopped, spooling=True), _SPOOLING),
        Scenario("spool-killed-meanwhile", _killed_while_spooling, _SPOOLING),
        Scenario("spool-full", _spool_full, _SMALL_SPOOL),
        Scenario("spool-disk-full", _spool_full, _SMALL_DISK),
        *STORM_SCENARIOS,
    )
}
