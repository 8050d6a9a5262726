from datetime import UTC, datetime
from typing import cast
from zoneinfo import ZoneInfo

import pytest

from utility_ts_analytics.analysis.report.asked import Asked, day_and_night
from utility_ts_analytics.analysis.report.gather_network import whole_days
from utility_ts_analytics.database.pool import Connection
from utility_ts_analytics.queries.balance_intervals import ReadingLengths
from utility_ts_analytics.queries.time_range import TimeRange

BERLIN = ZoneInfo("Europe/Berlin")
NOT_ASKED = cast("Connection", None)


@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        ((2024, 6, 3), (2024, 6, 10), (3, 10)),
        ((2024, 6, 2, 22), (2024, 6, 9, 22), (3, 9)),  # a day is cut at both ends
        ((2024, 6, 3), (2024, 6, 3, 23), None),
    ],
)
def test_only_days_that_lie_in_the_period_as_a_whole_count(
    start: tuple[int, int, int], end: tuple[int, int, int], days: tuple[int, int] | None
) -> None:
    period = TimeRange(datetime(*start, tzinfo=BERLIN), datetime(*end, tzinfo=BERLIN))
    asked = Asked(NOT_ASKED, period, BERLIN, ReadingLengths(), day_and_night("UTC"))
    wanted = None
    if days is not None:
        wanted = TimeRange(*(datetime(2024, 6, day, tzinfo=BERLIN) for day in days))
    assert whole_days(asked) == wanted


def test_day_of_the_change_of_the_clock_is_whole() -> None:
    period = TimeRange(
        datetime(2024, 10, 26, 22, tzinfo=UTC), datetime(2024, 10, 27, 23, tzinfo=UTC)
    )
    asked = Asked(NOT_ASKED, period, BERLIN, ReadingLengths(), day_and_night("UTC"))
    assert whole_days(asked) == period
