"""Sequences that once undid what was promised, each with a name."""

from loadtest.faults.sequences import FaultSequence, service
from loadtest.faults.stage import Setup

ONE_SPOOLING = service(1, 1, spooling=True)
TWO_SPOOLING = service(2, 1, spooling=True)
TWO_BY_TWO = service(2, 2, spooling=False)

_SPOOLED = ("away", "post all", "settle")
_CORRECTED = (*("post all", "wait 0.3") * 6, "settle", "mend")
_ACCOUNTS, _ROWS = 8, 25


# Silence lasts longer than time-outs: what was given up is then sent again, by this way or that.
_GIVEN_UP = ("post all 0.1", "settle", "wait 2.2", "lose-and-mend", "insist")


def _named(name: str, setup: Setup, *steps: str) -> FaultSequence:
    return FaultSequence(name, setup, steps, _ACCOUNTS, _ROWS)


NAMED = {
    sequence.name: sequence
    for sequence in (
        # Versions go into one spool and the next: of which generation, which worker.
        _named("reload-one-worker", ONE_SPOOLING, *_SPOOLED, "reload", *_CORRECTED),
        _named("reload-two-workers", TWO_SPOOLING, *_SPOOLED, "reload", *_CORRECTED),
        _named("kill-one-of-two", TWO_SPOOLING, *_SPOOLED, "kill-worker", *_CORRECTED),
        _named("away-two-workers", TWO_SPOOLING, *_SPOOLED, *_CORRECTED),
        # Clients do not wait for an answer, and go on to the next version.
        _named("given-up", TWO_BY_TWO, "silence", *_GIVEN_UP),
        _named("given-up-ilp", TWO_BY_TWO, "silence-ilp", *_GIVEN_UP),
        # What the line held passes on after the same and newer rows went another way.
        _named("late", TWO_BY_TWO, "silence-ilp", "post all", "insist", "mend", "wait 0.5"),
    )
}
