"""The lines between the service and QuestDB: cut, refused, silent, slow, half-closed."""

from collections.abc import Callable
from random import Random

from loadtest.faults.proxy import Cut, Proxy
from loadtest.faults.scenario import Scenario, Scene
from loadtest.faults.stage import Setup

PROXIED = Setup(workers=1, proxied=True)

_SLOW_BYTES_PER_S = 20_000
_SLOW_DELAY_S = 0.05
_CUT_UP_BYTES_MAX = 300_000
_CUT_DOWN_BYTES_MAX = 500
_SPARED = 0.2
"""Share of the connections that are not cut."""


def random_cuts(rng: Random, *, up_bytes_max: int, down_bytes_max: int) -> Callable[[], Cut | None]:
    """Return what chooses a cut for each connection; small positions as often as large ones."""

    def choose() -> Cut | None:
        if rng.random() < _SPARED:
            return None
        reset = rng.random() < 0.5
        if rng.random() < 0.5:
            return Cut("up", int(up_bytes_max ** rng.random()) - 1, reset)
        return Cut("down", int(down_bytes_max ** rng.random()) - 1, reset)

    return choose


def _mend_ilp(scene: Scene) -> None:
    scene.stage.ilp.do(Proxy.mend)


def _back_on_ilp(scene: Scene) -> None:
    """A service that found another way meanwhile returns to this one by itself."""
    scene.wait_recovered()
    scene.wait_answer_of(scene.stage.ilp)


def _ilp_cut(scene: Scene) -> None:
    choose = random_cuts(
        scene.rng, up_bytes_max=_CUT_UP_BYTES_MAX, down_bytes_max=_CUT_DOWN_BYTES_MAX
    )
    with scene.fault():
        scene.stage.ilp.do(lambda it: it.cut_after(choose))
        scene.wait(scene.scale.seconds)
        scene.wait_answered()
        _mend_ilp(scene)
    _back_on_ilp(scene)


def _ilp_down(scene: Scene) -> None:
    with scene.fault():
        scene.stage.ilp.do(Proxy.refuse)
        scene.wait(scene.scale.seconds)
        scene.wait_answered()
        _mend_ilp(scene)
    _back_on_ilp(scene)


def _pgwire_down(scene: Scene) -> None:
    """Nobody can look at the tables; rows that were fine a moment ago go on for a while."""
    with scene.fault():
        scene.stage.pgwire.do(Proxy.refuse)
        scene.wait(scene.scale.seconds)
        scene.stage.pgwire.do(Proxy.mend)


def _both_down(scene: Scene) -> None:
    with scene.fault():
        scene.stage.ilp.do(Proxy.refuse)
        scene.stage.pgwire.do(Proxy.refuse)
        scene.wait(scene.scale.seconds)
        scene.stage.pgwire.do(Proxy.mend)
        _mend_ilp(scene)
    _back_on_ilp(scene)


def _ilp_silent(scene: Scene) -> None:
    """What was held arrives in the end, long after the service has given it up."""
    with scene.fault():
        scene.stage.ilp.do(Proxy.hold)
        scene.wait(scene.scale.seconds)
        scene.wait_answered()
        _mend_ilp(scene)
    _back_on_ilp(scene)


def _ilp_slow(scene: Scene) -> None:
    with scene.fault():
        scene.stage.ilp.do(
            lambda it: it.slow_down(delay_s=_SLOW_DELAY_S, rate_bytes_per_s=_SLOW_BYTES_PER_S)
        )
        scene.wait(scene.scale.seconds)
        scene.wait_answered()
        _mend_ilp(scene)
    _back_on_ilp(scene)


def _ilp_half_closed(scene: Scene) -> None:
    """Now and then one direction of every connection ends."""
    with scene.fault():
        for number in range(2 * scene.scale.repetitions):
            if number % 2:
                scene.stage.ilp.do(lambda it: it.half_close("down"))
            else:
                scene.stage.ilp.do(lambda it: it.half_close("up"))
            scene.wait(scene.scale.seconds / (2 * scene.scale.repetitions))
    _back_on_ilp(scene)


SCENARIOS = (
    Scenario("ilp-cut", _ilp_cut, PROXIED),
    Scenario("ilp-down", _ilp_down, PROXIED),
    Scenario("pgwire-down", _pgwire_down, PROXIED),
    Scenario("both-down", _both_down, PROXIED),
    Scenario("ilp-silent", _ilp_silent, PROXIED),
    Scenario("ilp-slow", _ilp_slow, PROXIED),
    Scenario("ilp-half-closed", _ilp_half_closed, PROXIED),
)
