from datetime import UTC, datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

import pyarrow as pa

from utility_ts_analytics.analysis.engine import Analysis
from utility_ts_analytics.analysis.report.queries import Queries, day_and_night
from utility_ts_analytics.queries.intervals import ReadingLengths
from utility_ts_analytics.queries.time_range import TimeRange

NOW = datetime(2024, 6, 3, tzinfo=UTC)


class _Counting:
    """Answers with how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def ask(self, question: str, *, then: str, **parameters: object) -> pa.Table:
        assert then
        self.asked += 1
        return pa.table({"n": [self.asked]})


def test_question_of_two_sections_is_asked_once() -> None:
    counting = _Counting()
    asked = Queries(
        cast("Analysis", counting),
        TimeRange(NOW, NOW + timedelta(days=1)),
        ZoneInfo("UTC"),
        ReadingLengths(),
        day_and_night("UTC"),
    )
    answers = [
        asked.frame("load", group="system", every="1 hour")["n"][0],
        asked.frame("load", group="feeder", every="1 hour")["n"][0],
        asked.frame("load", group="system", every="1 hour", then="FROM answer LIMIT 1")["n"][0],
        asked.frame("load", every="1 hour", group="system")["n"][0],
    ]
    assert answers == [1, 2, 3, 1]


def test_tariff_of_those_who_gave_none_covers_every_day() -> None:
    """The calendar itself refuses one that does not."""
    calendar = day_and_night("Europe/Berlin")
    assert calendar.zone == "Europe/Berlin"
    assert {period for _, period in calendar.rates} == {"day", "night"}
    [season] = calendar.seasons
    day = [w for w in season.windows_of("sunday") if w.period == "day"]
    assert [(w.start_minute, w.end_minute) for w in day] == [(7 * 60, 23 * 60)]
