"""Sequences that once undid what was promised, each with a name."""

from loadtest.faults.sequences import Play
from loadtest.faults.stage import Setup

_SPOOL = (("dir", "spool"),)
ONE_SPOOLING = Setup(workers=1, proxied=True, spool=_SPOOL)
TWO_SPOOLING = Setup(workers=2, proxied=True, spool=_SPOOL)

_SPOOLED = ("away", "post all", "settle")
_CORRECTED = (*("post all", "wait 0.3") * 8, "settle", "mend")


def _named(name: str, setup: Setup, *steps: str) -> Play:
    return Play(name, setup, (*_SPOOLED, *steps, *_CORRECTED), accounts=8, rows=25)


NAMED = {
    play.name: play
    for play in (
        _named("reload-one-worker", ONE_SPOOLING, "reload"),
        _named("no-reload-one-worker", ONE_SPOOLING),
        _named("reload-two-workers", TWO_SPOOLING, "reload"),
        _named("kill-one-of-two", TWO_SPOOLING, "kill-worker"),
        _named("no-reload-two-workers", TWO_SPOOLING),
    )
}
