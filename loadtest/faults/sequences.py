"""Sequences of posts and faults: each is played, calmed down, and its books are balanced.

A sequence is a row of steps in words, such as `post 0`, `reload` or `wait 0.5`: `sequence_steps`
has them all, so that a sequence that failed is read, and played again, as it was printed.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field

from loadtest.faults.books import Books
from loadtest.faults.sequence_steps import Player
from loadtest.faults.stage import Setup, Stage
from loadtest.faults.version_books import enter_versions, within
from loadtest.stored_comparison import TABLE


def service(workers: int, connections: int, *, spooling: bool) -> Setup:
    """Return a service that sequences are done to.

    Args:
        workers: Its processes for `meter_usage`.
        connections: To QuestDB, of each worker.
        spooling: Whether it has a spool.
    """
    return Setup(
        workers=workers,
        proxied=True,
        sink=(("workers", connections),),
        spool=(("dir", "spool"),) if spooling else (),
    )


@dataclass(frozen=True, slots=True)
class FaultSequence:
    """Steps, and the service that they are done to.

    Attributes:
        name: For reports.
        setup: Made by `service`.
        steps: One after the other.
        accounts: Groups of readings that are corrected, each with versions of its own.
        rows: Readings of each.
        seed: Of what a step chooses: which worker is killed.
    """

    name: str
    setup: Setup
    steps: tuple[str, ...]
    accounts: int
    rows: int
    seed: int = 1

    def __str__(self) -> str:
        return self.name

    @property
    def connections(self) -> int:
        """To QuestDB, of each worker."""
        return int(dict(self.setup.sink)["workers"])


@dataclass(slots=True)
class Outcome:
    """What came of a sequence.

    Attributes:
        sequence: What was played.
        books: Of its versions.
        answers: How often each status came, or each error in place of an answer.
        failures: Everything that must not be, in words; empty if all is well.
    """

    sequence: FaultSequence
    books: Books = field(default_factory=Books)
    answers: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


def by_service(sequences: Iterable[FaultSequence]) -> list[FaultSequence]:
    """Order sequences so that those on one service follow each other: a start takes seconds."""
    return sorted(
        sequences, key=lambda it: (bool(it.setup.spool), it.setup.workers, it.connections)
    )


def play_sequence(stage: Stage, sequence: FaultSequence) -> Outcome:
    """Play a sequence, calm down, and balance its books. Leaves the stage for the next one."""
    try:
        stage.set_up(sequence.setup)
        stage.await_service()
        if not stage.versions.corrected:  # what scenarios left would be strangers to the first one
            with stage.database as database:
                database.truncate(TABLE)
    except (RuntimeError, OSError) as error:
        return Outcome(sequence, failures=[str(error)])
    corrected = [stage.versions.open(sequence.rows) for _ in range(sequence.accounts)]
    player = Player(stage, corrected, random.Random(sequence.seed))
    outcome = Outcome(sequence, player.books)
    try:
        for step in sequence.steps:
            player.do(step)
        player.calm_down()
    except (RuntimeError, OSError) as error:
        outcome.failures.append(str(error))
    finally:
        player.close()
    try:
        with stage.database as database:
            start, end = within(corrected)
            enter_versions(outcome.books, corrected, database, start=start, end=end)
    except (RuntimeError, OSError) as error:
        outcome.failures.append(str(error))
    outcome.answers = dict(player.ledger.answers)
    outcome.failures += player.ledger.wrong + outcome.books.findings
    return outcome
