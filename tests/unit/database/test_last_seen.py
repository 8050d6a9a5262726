"""What was seen last holds for a while where only pgwire is away; what was never seen does not."""

from types import MappingProxyType

import pytest

from utility_ts_analytics.database.health import UNKNOWN, QuestDBHealth, TableHealth
from utility_ts_analytics.database.last_seen import SEEN_AGE_S_MAX, LastSeen, health_on_trust

UP = QuestDBHealth(True, "", MappingProxyType({"t": TableHealth(None)}))
OLDER = QuestDBHealth(True, "", MappingProxyType({}))
DOWN = QuestDBHealth(False, "cannot connect", MappingProxyType({}))


@pytest.mark.parametrize("ilp_answers", [True, False])
@pytest.mark.parametrize("seen", [None, LastSeen(OLDER, 0.0)])
def test_poll_that_was_answered_is_what_holds(seen: LastSeen | None, ilp_answers: bool) -> None:
    assert health_on_trust(UP, seen, now_s=1.0, ilp_answers=ilp_answers) is UP


def test_nothing_holds_where_neither_answers() -> None:
    assert health_on_trust(DOWN, LastSeen(UP, 0.0), now_s=1.0, ilp_answers=False) is DOWN


def test_last_look_holds_until_it_is_too_old() -> None:
    seen = LastSeen(UP, 50.0)
    assert health_on_trust(DOWN, seen, now_s=50.0 + SEEN_AGE_S_MAX, ilp_answers=True) is UP
    late = health_on_trust(DOWN, seen, now_s=50.1 + SEEN_AGE_S_MAX, ilp_answers=True)
    assert not late.up
    assert "over 5 minutes ago: cannot connect" in late.reason


@pytest.mark.parametrize("polled", [DOWN, UNKNOWN])
def test_tables_never_seen_are_not_trusted(polled: QuestDBHealth) -> None:
    health = health_on_trust(polled, None, now_s=1.0, ilp_answers=True)
    assert not health.up
    assert health.reason == f"the tables have not been seen yet: {polled.reason}"
