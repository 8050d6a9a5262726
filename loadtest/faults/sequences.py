"""Sequences of posts and faults: some have a name, others are drawn by a seed.

A sequence is a row of steps in words, such as `post 0`, `reload` or `wait 0.5`
(`sequence_play.STEPS`), so a sequence that failed can be read and played again as it was printed.
"""

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from loadtest.faults.stage import Setup

_ROUNDS_MAX = 3
_IMPATIENT = 0.3
"""Share of the posts whose client does not wait for a late answer."""


@dataclass(frozen=True, slots=True)
class FaultSequence:
    """Steps, and the service that they are done to.

    Attributes:
        name: For reports.
        setup: Made by `service`.
        steps: One after the other.
        accounts: Groups of readings that are corrected, each with versions of its own.
        rows: Readings of each.
        seed: Chooses which worker is killed.
    """

    name: str
    setup: Setup
    steps: tuple[str, ...]
    accounts: int
    rows: int
    seed: int = 1

    def __str__(self) -> str:
        return self.name


def service(workers: int, connections: int, *, spooling: bool) -> Setup:
    """Return a service for sequences: its processes, and connections to QuestDB of each."""
    return Setup(
        workers=workers,
        proxied=True,
        sink=(("workers", connections),),
        spool=(("dir", "spool"),) if spooling else (),
    )


def by_service(sequences: Iterable[FaultSequence]) -> list[FaultSequence]:
    """Order sequences so that those on one service follow each other: a start takes seconds."""
    return sorted(sequences, key=lambda it: (it.setup.spool, it.setup.workers, it.setup.sink))


# Sequences that once undid a promised version

_ONE_SPOOLING = service(1, 1, spooling=True)
_TWO_SPOOLING = service(2, 1, spooling=True)
_TWO_BY_TWO = service(2, 2, spooling=False)
_SPOOLED = ("away", "post all", "settle")
_CORRECTED = (*("post all", "wait 0.3") * 6, "settle", "mend")
# The silence is longer than timeouts: rows that were given up are sent again, by ILP or pgwire.
_GIVEN_UP = ("post all 0.1", "settle", "wait 2.2", "lose-and-mend", "insist")


def _named(name: str, setup: Setup, *steps: str) -> FaultSequence:
    return FaultSequence(name, setup, steps, accounts=8, rows=25)


NAMED = {
    sequence.name: sequence
    for sequence in (
        # Versions go into one spool and the next, of another generation or another worker.
        _named("reload-one-worker", _ONE_SPOOLING, *_SPOOLED, "reload", *_CORRECTED),
        _named("reload-two-workers", _TWO_SPOOLING, *_SPOOLED, "reload", *_CORRECTED),
        _named("kill-one-of-two", _TWO_SPOOLING, *_SPOOLED, "kill-worker", *_CORRECTED),
        _named("away-two-workers", _TWO_SPOOLING, *_SPOOLED, *_CORRECTED),
        # Clients do not wait for an answer and go on to the next version.
        _named("given-up", _TWO_BY_TWO, "silence", *_GIVEN_UP),
        _named("given-up-ilp", _TWO_BY_TWO, "silence-ilp", *_GIVEN_UP),
        # Held bytes arrive after the same and newer rows went another way.
        _named("late", _TWO_BY_TWO, "silence-ilp", "post all", "insist", "mend", "wait 0.5"),
    )
}


# Sequences drawn by a seed

SERVICES = tuple(
    service(workers, connections, spooling=spooling)
    for spooling in (False, True)
    for workers in (1, 2, 3)
    for connections in (1, 2)
)
_ACCOUNTS = 3
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
"""A real end takes seconds, so in most rounds the proxy only refuses connections."""


def draw(seed: int) -> FaultSequence:
    """Return the sequence of a seed, of all seeds about as many for each service."""
    rng = random.Random(seed)
    rounds = [step for _ in range(rng.randint(1, _ROUNDS_MAX)) for step in _round(rng)]
    # Rows under way still meet newer acknowledged versions, or the end.
    last = rng.choice([("lose-and-mend", "insist"), ("post all",)])
    return FaultSequence(
        name=f"seed {seed}",
        setup=SERVICES[seed % len(SERVICES)],
        steps=("post all", *rounds, *last),
        accounts=_ACCOUNTS,
        rows=20,
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
    """Return one of these words, or a short wait for the empty one."""
    [word] = rng.choices(list(weights), list(weights.values()))
    return word or "wait 0.1"
