"""The connections between the service and QuestDB: cut, refused, held, slow, half-closed."""

from collections.abc import Callable
from random import Random

from loadtest.faults.proxy import Cut, Proxy
from loadtest.faults.scenario import Scenario, Scene
from loadtest.faults.stage import Setup

_SLOW_BYTES_PER_S = 20_000
_SLOW_DELAY_S = 0.05
_CUT_UP_BYTES_MAX = 300_000
_CUT_DOWN_BYTES_MAX = 500
_SPARED = 0.2
"""Share of the connections that are not cut."""


def random_cuts(rng: Random, *, up_bytes_max: int, down_bytes_max: int) -> Callable[[], Cut | None]:
    """Return a function that chooses a cut for each connection, early as often as late."""

    def choose() -> Cut | None:
        if rng.random() < _SPARED:
            return None
        reset = rng.random() < 0.5
        if rng.random() < 0.5:
            return Cut("up", int(up_bytes_max ** rng.random()) - 1, reset)
        return Cut("down", int(down_bytes_max ** rng.random()) - 1, reset)

    return choose


def _ilp_fault(fault: Callable[[Proxy], object]) -> Callable[[Scene], None]:
    """Return a fault of ILP that the service bears by another way, until it returns to ILP."""

    def act(scene: Scene) -> None:
        with scene.fault():
            scene.stage.ilp.do(fault)
            scene.wait(scene.scale.seconds)
            scene.wait_answered()
            scene.stage.ilp.do(Proxy.mend)
        _wait_back_on_ilp(scene)

    return act


def _wait_back_on_ilp(scene: Scene) -> None:
    scene.wait_recovered()
    scene.wait_answer_of(scene.stage.ilp)


def _ilp_cut(scene: Scene) -> None:
    choose = random_cuts(
        scene.rng, up_bytes_max=_CUT_UP_BYTES_MAX, down_bytes_max=_CUT_DOWN_BYTES_MAX
    )
    _ilp_fault(lambda it: it.cut_after(choose))(scene)


def _pgwire_down(scene: Scene) -> None:
    """The tables cannot be checked; the service goes on with the last result for a while."""
    with scene.fault():
        scene.stage.pgwire.do(Proxy.refuse)
        scene.wait(scene.scale.seconds)
        scene.stage.pgwire.do(Proxy.mend)


def _both_down(scene: Scene) -> None:
    with scene.fault():
        scene.stage.refuse_questdb()
        scene.wait(scene.scale.seconds)
        scene.stage.pgwire.do(Proxy.mend)
        scene.stage.ilp.do(Proxy.mend)
    _wait_back_on_ilp(scene)


def _ilp_half_closed(scene: Scene) -> None:
    """Now and then one direction of every connection ends."""
    with scene.fault():
        for number in range(2 * scene.scale.repetitions):
            scene.stage.ilp.half_close("down" if number % 2 else "up")
            scene.wait(scene.scale.seconds / (2 * scene.scale.repetitions))
    _wait_back_on_ilp(scene)


def _slow_down(proxy: Proxy) -> None:
    proxy.slow_down(delay_s=_SLOW_DELAY_S, rate_bytes_per_s=_SLOW_BYTES_PER_S)


_PROXIED = Setup(workers=1, proxied=True)

LINE_SCENARIOS = (
    Scenario("ilp-cut", _ilp_cut, _PROXIED),
    Scenario("ilp-down", _ilp_fault(Proxy.refuse), _PROXIED),
    Scenario("pgwire-down", _pgwire_down, _PROXIED),
    Scenario("both-down", _both_down, _PROXIED),
    # Held bytes arrive at the end, long after the service has given them up.
    Scenario("ilp-silent", _ilp_fault(Proxy.hold), _PROXIED),
    Scenario("ilp-slow", _ilp_fault(_slow_down), _PROXIED),
    Scenario("ilp-half-closed", _ilp_half_closed, _PROXIED),
)
