"""Every fault of the log by its name: brokers, consumers, QuestDB behind it, edges, their lines."""

import time
from collections.abc import Callable
from functools import partial

from loadtest.faults.kafka_stage import SESSION_S, SHARDS, TOPIC, KafkaStage
from loadtest.faults.line_faults import random_cuts
from loadtest.faults.proxy import Proxy
from loadtest.faults.scenario import Scenario, Scene

_FROZEN_S = SESSION_S + 4.0
_FENCED_S = 12.0
"""Until the controller takes a dead broker out of the replicas in sync: 9 s, and a little more."""

_FULL_S = 3.0
_BETWEEN_S_MAX = 1.0
_BEHIND_MS_MAX = 5_000
"""Time from a message to its row in the table, at most."""

_REQUEST_BYTES = 100_000
_ANSWER_BYTES = 500


def _stage(scene: Scene) -> KafkaStage:
    if not isinstance(scene.stage, KafkaStage):
        raise TypeError("a fault of the log on a stage without one")
    return scene.stage


def _kill_broker(scene: Scene, seconds: float) -> None:
    brokers = _stage(scene).brokers
    brokers.kill([scene.rng.randrange(brokers.count)])
    scene.wait(seconds)
    brokers.start()


def _kill_brokers(scene: Scene, seconds: float) -> None:
    brokers = _stage(scene).brokers
    brokers.kill(range(brokers.count))
    scene.wait(seconds)
    brokers.start()


def _fill_disk(scene: Scene, seconds: float) -> None:
    """The disk of one broker's log is full: the broker ends."""
    brokers = _stage(scene).brokers
    number = scene.rng.randrange(brokers.count)
    with brokers.full_disk(number) as full:
        if full:
            scene.wait(max(seconds, _FULL_S))
    brokers.kill([number])
    brokers.start()


def _lack_replicas(scene: Scene, seconds: float) -> None:
    """One broker is gone, and the others refuse what must be on all of them."""
    brokers = _stage(scene).brokers
    brokers.want_in_sync(TOPIC, brokers.count)
    brokers.kill([scene.rng.randrange(brokers.count)])
    scene.wait(max(seconds, _FENCED_S))
    brokers.start()
    brokers.want_in_sync(TOPIC)


def _kill_consumer(scene: Scene, seconds: float) -> None:
    stage = _stage(scene)
    stage.kill_consumer(scene.rng.choice(stage.consumers))
    scene.wait(seconds)
    stage.start_consumers()


def _freeze_consumer(scene: Scene, _seconds: float) -> None:
    """It wakes up behind a successor that has stored later versions."""
    stage = _stage(scene)
    stage.freeze_consumer(scene.rng.choice(stage.consumers))
    scene.wait(_FROZEN_S)
    stage.thaw_consumers()


def _kill_questdb(scene: Scene, seconds: float) -> None:
    stage = _stage(scene)
    stage.kill_shard(scene.rng.randrange(SHARDS))
    scene.wait(seconds)
    stage.start_questdb()


def _kill_edge(scene: Scene, _seconds: float) -> None:
    if scene.rng.random() < 0.5:
        scene.stage.kill_workers()
    else:
        scene.stage.kill_supervisor()


def _cut_edge(scene: Scene, seconds: float) -> None:
    """The network between edge and brokers: gone, silent, or cut anywhere."""
    stage = _stage(scene)
    cuts = random_cuts(scene.rng, up_bytes_max=_REQUEST_BYTES, down_bytes_max=_ANSWER_BYTES)
    harms: list[Callable[[Proxy], object]] = [
        Proxy.refuse,
        Proxy.hold,
        lambda it: it.cut_after(cuts),
    ]
    for harm in scene.rng.sample(harms, len(harms)):
        stage.brokers.on_lines(harm)
        scene.wait(seconds / len(harms))
        stage.mend()


def _rebalance(scene: Scene, seconds: float) -> None:
    """Consumers come and go faster than partitions settle."""
    stage = _stage(scene)
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        stage.stop_consumer(scene.rng.choice(stage.consumers))
        scene.wait(scene.rng.random() * _BETWEEN_S_MAX)
        stage.start_consumers()
        scene.wait(scene.rng.random() * 2 * _BETWEEN_S_MAX)


def _lose_questdb(scene: Scene) -> None:
    """Its disk is gone: the archive has what is old, the log what is new."""
    stage = _stage(scene)
    scene.wait(scene.scale.seconds)
    archived_ms = time.time_ns() // 1_000_000
    stage.archive()
    scene.wait(scene.scale.seconds / 2)
    with scene.fault():
        stage.lose_questdb()
        scene.wait(scene.scale.seconds / 2)
        stage.recover_questdb(archived_ms - _BEHIND_MS_MAX)


Strike = Callable[[Scene, float], None]
"""Does a fault that lasts about so many seconds, and ends it."""

_STRIKES: tuple[Strike, ...] = (
    *(_kill_broker, _kill_brokers, _fill_disk, _lack_replicas, _kill_consumer, _freeze_consumer),
    *(_kill_questdb, _kill_edge, _cut_edge, _rebalance),
)


def _repeated(scene: Scene, *, strike: Strike) -> None:
    for _ in range(scene.scale.repetitions):
        with scene.fault():
            strike(scene, scene.scale.seconds / scene.scale.repetitions)
        scene.wait_recovered()


def _storm(scene: Scene) -> None:
    """Each of them once, then any of them, until the time is up."""
    end_s = time.monotonic() + scene.scale.seconds
    with scene.fault():
        strikes = scene.rng.sample(_STRIKES, len(_STRIKES))
        while strikes:
            strikes.pop()(scene, scene.rng.random() * _BETWEEN_S_MAX)
            scene.wait(scene.rng.random() * _BETWEEN_S_MAX)
            if not strikes and time.monotonic() < end_s:
                strikes = [scene.rng.choice(_STRIKES)]


KAFKA_SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        *(
            Scenario(name, partial(_repeated, strike=strike))
            for name, strike in {
                "broker-killed": _kill_broker,
                "brokers-killed": _kill_brokers,
                "broker-disk-full": _fill_disk,
                "too-few-replicas": _lack_replicas,
                "consumer-killed": _kill_consumer,
                "consumer-frozen": _freeze_consumer,
                "log-questdb-killed": _kill_questdb,
                "edge-killed": _kill_edge,
                "edge-cut-off": _cut_edge,
                "rebalances": _rebalance,
            }.items()
        ),
        Scenario("log-questdb-lost", _lose_questdb),
        Scenario("log-storm", _storm),
    )
}
