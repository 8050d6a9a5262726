"""Clients and the lines from them: broken bodies, lost answers, thousands that do nothing."""

import time

from loadtest.faults.broken_clients import WAYS, BreakingClient, SlowConnections
from loadtest.faults.line_faults import random_cuts
from loadtest.faults.proxy import Proxy
from loadtest.faults.scenario import Scenario, Scene

_ANSWER_BYTES = 400
_REQUEST_BYTES = 100_000


def _bodies_broken(scene: Scene) -> None:
    stage = scene.stage
    client = BreakingClient(stage.lines, scene.ledger, stage.service.meter_usage_port, scene.rng)
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
            if number % 2:
                front.do(lambda it: it.half_close("down"))
            else:
                front.do(lambda it: it.half_close("up"))
        front.do(Proxy.mend)


def _slow_connections(scene: Scene) -> None:
    stage = scene.stage
    with (
        SlowConnections(stage.service.meter_usage_port, scene.scale.slow_connections),
        scene.fault(),
    ):
        scene.wait(scene.scale.seconds)


SCENARIOS = (
    Scenario("bodies-broken", _bodies_broken),
    Scenario("answers-lost", _answers_lost, through_front=True),
    Scenario("slow-connections", _slow_connections),
)
