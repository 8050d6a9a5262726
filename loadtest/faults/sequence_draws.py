"""Draws sequences of posts and faults; one seed, one sequence."""

import random
from collections.abc import Iterator, Mapping

from loadtest.faults.sequences import FaultSequence, service

_ACCOUNTS = 3
_ROWS = 20
_ROUNDS_MAX = 3
_IMPATIENT = 0.3
"""Share of the posts whose client does not wait for an answer that takes long."""

SERVICES = tuple(
    service(workers, connections, spooling=spooling)
    for spooling in (False, True)
    for workers in (1, 2, 3)
    for connections in (1, 2)
)

_LINE_FAULTS = {
    "away": 4,
    "refuse-ilp": 1,
    "cut-ilp": 1,
    "silence": 1,
    "silence-ilp": 2,
    "slow-ilp": 1,
    "": 1,
}
_PROCESS_FAULTS = {"reload": 3, "kill-worker": 3, "kill-supervisor": 1, "restart": 0.5, "": 3}
_QUESTDB_ENDS = 0.04
"""A real end takes seconds, so in most rounds the line's refusal stands in for it."""


def draw(seed: int) -> FaultSequence:
    """Return the sequence of a seed, of all seeds about as many for each service."""
    rng = random.Random(seed)
    rounds = [step for _ in range(rng.randint(1, _ROUNDS_MAX)) for step in _round(rng)]
    # What is on its way still meets newer versions that are acknowledged, or the end.
    last = rng.choice([("lose-and-mend", "insist"), ("post all",)])
    return FaultSequence(
        name=f"seed {seed}",
        setup=SERVICES[seed % len(SERVICES)],
        steps=("post all", *rounds, *last),
        accounts=_ACCOUNTS,
        rows=_ROWS,
        seed=seed,
    )


def _round(rng: random.Random) -> Iterator[str]:
    """Yield a fault of the lines, one of the processes within it, and posts all the time."""
    ends = rng.choice(["stop-questdb", "kill-questdb"]) if rng.random() < _QUESTDB_ENDS else ""
    yield from _posts(rng, 1)
    yield ends or _one_of(rng, _LINE_FAULTS)
    yield from _posts(rng, 3)
    yield _one_of(rng, _PROCESS_FAULTS)
    yield from _posts(rng, 4)
    if ends:
        yield "begin-questdb"
    elif rng.random() < 0.8:
        yield "lose-and-mend"
    yield from _posts(rng, 4)
    yield rng.choice(["insist", "insist", "look", "wait 0.5", "wait 0.1"])


def _posts(rng: random.Random, count_max: int) -> Iterator[str]:
    for _ in range(rng.randint(0, count_max)):
        which = rng.choice(["all", *map(str, range(_ACCOUNTS))])
        patience = f" {0.05 + rng.random():.2f}" if rng.random() < _IMPATIENT else ""
        yield f"{rng.choice(['post', 'post', 'repost'])} {which}{patience}"
        yield f"wait {0.02 * 30 ** rng.random():.2f}"


def _one_of(rng: random.Random, weights: Mapping[str, float]) -> str:
    """Return one of these words, or a short wait for none of them."""
    [word] = rng.choices(list(weights), list(weights.values()))
    return word or "wait 0.1"
