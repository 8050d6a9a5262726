import asyncio
from datetime import UTC, datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from msgspec import Struct

from utility_ts_analytics.analysis.report import asked as module
from utility_ts_analytics.analysis.report.asked import Asked, day_and_night
from utility_ts_analytics.database.pool import Connection
from utility_ts_analytics.database.reads import Query
from utility_ts_analytics.queries.balance_intervals import ReadingLengths
from utility_ts_analytics.queries.time_range import TimeRange

NOW = datetime(2024, 6, 3, tzinfo=UTC)


class One(Struct, frozen=True):
    kwh: float


def test_question_of_two_sections_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []

    async def fetch(_: object, query: Query[One], **__: object) -> pl.DataFrame:
        sent.append(query.sql)
        return pl.DataFrame({"kwh": [float(len(sent))]})

    monkeypatch.setattr(module, "fetch_polars", fetch)
    asked = Asked(
        cast("Connection", None),  # nobody is asked
        TimeRange(NOW, NOW + timedelta(days=1)),
        ZoneInfo("UTC"),
        ReadingLengths(),
        day_and_night("UTC"),
    )

    async def ask() -> list[float]:
        return [(await asked.frame(sql, One))["kwh"][0] for sql in ("a", "b", "a")]

    assert asyncio.run(ask()) == [1.0, 2.0, 1.0]
    assert sent == ["a", "b"]


def test_tariff_of_those_who_gave_none_covers_every_day() -> None:
    """The calendar itself refuses one that does not."""
    calendar = day_and_night("Europe/Berlin")
    assert calendar.zone == "Europe/Berlin"
    assert {period for _, period in calendar.rates} == {"day", "night"}
    [season] = calendar.seasons
    day = [w for w in season.windows_of("sunday") if w.period == "day"]
    assert [(w.start_minute, w.end_minute) for w in day] == [(7 * 60, 23 * 60)]
