"""Which feeders and heads a question may name."""

from datetime import UTC, datetime, timedelta

import pytest

from utility_ts_analytics.queries.feeder_scope import Scope, slots_sql
from utility_ts_analytics.queries.time_range import TimeRange

START = datetime(2024, 6, 3, tzinfo=UTC)
HOUR = TimeRange(START, START + timedelta(hours=1))


def test_names_are_kept_once_and_in_order() -> None:
    scope = Scope.of(HOUR, ["F2", "F1", "F2"], {"F1": ["a", "b", "a"]})

    assert scope.feeders == ("F2", "F1")
    assert scope.heads == {"F1": ("a", "b")}
    assert scope.only("x.feeder_id") == " AND x.feeder_id IN ('F2', 'F1')"


def test_no_feeders_mean_all() -> None:
    assert Scope.of(HOUR, [], {}).only("feeder_id") == ""


@pytest.mark.parametrize(("minutes", "count"), [(1, 60), (15, 4), (60, 1)])
def test_range_has_whole_slots(minutes: int, count: int) -> None:
    assert f"long_sequence({count})" in slots_sql(HOUR, minutes)
