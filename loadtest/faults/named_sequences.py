"""Sequences that once undid what was promised, each with a name."""

from loadtest.faults.sequences import FaultSequence
from loadtest.faults.stage import Setup

_SPOOL = (("dir", "spool"),)
ONE_SPOOLING = Setup(workers=1, proxied=True, spool=_SPOOL)
TWO_SPOOLING = Setup(workers=2, proxied=True, spool=_SPOOL)
TWO_CONNECTIONS = Setup(workers=1, proxied=True, sink=(("workers", 2),))
ONE_WORKER = Setup(workers=1, proxied=True)
TWO_WORKERS = Setup(workers=2, proxied=True)

_SPOOLED = ("away", "post all", "settle")
_CORRECTED = (*("post all", "wait 0.3") * 6, "settle", "mend")
_ACCOUNTS, _ROWS = 8, 25


def _given_up(patience_s: float) -> tuple[str, ...]:
    return (f"post all {patience_s}", "settle", "lose-and-mend", "insist")


def _named(name: str, setup: Setup, *steps: str) -> FaultSequence:
    return FaultSequence(name, setup, steps, _ACCOUNTS, _ROWS)


NAMED = {
    sequence.name: sequence
    for sequence in (
        # Versions go into one spool and the next: of which generation, which worker.
        _named("reload-one-worker", ONE_SPOOLING, *_SPOOLED, "reload", *_CORRECTED),
        _named("no-reload-one-worker", ONE_SPOOLING, *_SPOOLED, *_CORRECTED),
        _named("reload-two-workers", TWO_SPOOLING, *_SPOOLED, "reload", *_CORRECTED),
        _named("kill-one-of-two", TWO_SPOOLING, *_SPOOLED, "kill-worker", *_CORRECTED),
        _named("no-reload-two-workers", TWO_SPOOLING, *_SPOOLED, *_CORRECTED),
        # Clients do not wait for an answer, and go on to the next version.
        _named("given-up-two-connections", TWO_CONNECTIONS, "away", *_given_up(0.15)),
        _named("silent-two-connections", TWO_CONNECTIONS, "silence-ilp", *_given_up(0.4)),
        _named("given-up-two-workers", TWO_WORKERS, "away", *_given_up(0.15)),
        _named("silent-two-workers", TWO_WORKERS, "silence-ilp", *_given_up(0.4)),
        # What the line held passes on after the same and newer rows went another way.
        _named(
            "late-one-worker", ONE_WORKER, "silence-ilp", "post all", "insist", "mend", "wait 0.5"
        ),
    )
}
