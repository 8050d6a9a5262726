"""How long the last look at the tables is still good while pgwire does not answer.

Readings go over ILP/HTTP, the tables are looked at over pgwire. Where only the second is away, what
was seen last is good for a while (docs/decisions/0007). Pure.
"""

from dataclasses import dataclass
from types import MappingProxyType

from utility_ts_analytics.database.health import QuestDBHealth

SEEN_AGE_S_MAX = 300.0
"""A table may have been suspended since; after so long nothing is acknowledged on trust."""


@dataclass(frozen=True, slots=True)
class LastSeen:
    """The last poll that QuestDB answered.

    Attributes:
        health: What it found; `up`.
        at_s: When, monotonic seconds.
    """

    health: QuestDBHealth
    at_s: float


def health_on_trust(
    polled: QuestDBHealth, seen: LastSeen | None, *, now_s: float, ilp_answers: bool
) -> QuestDBHealth:
    """Return what to judge the tables of streams by that write over ILP/HTTP.

    Args:
        polled: The newest poll.
        seen: The last one that was answered, by this process; None if none was.
        now_s: Monotonic seconds.
        ilp_answers: Whether QuestDB's HTTP server answers just now.

    Returns:
        The newest poll if it was answered, or if nothing else can be relied on; else what was seen
        last, at most `SEEN_AGE_S_MAX` ago.
    """
    if polled.up or not ilp_answers:
        return polled
    if seen is None:
        return _down(f"the tables have not been seen yet: {polled.reason}")
    if now_s - seen.at_s > SEEN_AGE_S_MAX:
        minutes = round(SEEN_AGE_S_MAX / 60)
        return _down(f"the tables were last seen over {minutes} minutes ago: {polled.reason}")
    return seen.health


def _down(reason: str) -> QuestDBHealth:
    return QuestDBHealth(False, reason, MappingProxyType({}))
