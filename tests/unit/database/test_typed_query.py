"""Parameters are kept as they are sent, and what could be taken for something else is refused."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest

from utility_ts_analytics.database.typed_query import Query


class Count(msgspec.Struct, frozen=True):
    n: int


def sent(value: object) -> object:
    (parameter,) = Query("SELECT 1", Count, [value]).parameters
    return parameter


@pytest.mark.parametrize("value", ["m-1", "'; --", "", 7, -0.5, True])
def test_plain_value_is_sent_as_it_is(value: object) -> None:
    assert sent(value) == value


def test_time_is_sent_as_naive_utc() -> None:
    noon = datetime(2024, 6, 3, 12)

    assert sent(noon.replace(tzinfo=UTC)) == noon
    assert sent(noon.replace(tzinfo=timezone(timedelta(hours=2)))) == noon - timedelta(hours=2)


def test_both_passes_of_the_repeated_hour_are_told_apart() -> None:
    berlin = ZoneInfo("Europe/Berlin")

    assert sent(datetime(2024, 10, 27, 2, 30, tzinfo=berlin)) == datetime(2024, 10, 27, 0, 30)
    assert sent(datetime(2024, 10, 27, 2, 30, tzinfo=berlin, fold=1)) == datetime(
        2024, 10, 27, 1, 30
    )


def test_uuid_is_sent_as_text() -> None:
    assert sent(UUID(int=1)) == "00000000-0000-0000-0000-000000000001"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (datetime(2024, 1, 1), "it has no time zone"),
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=1))), "outside the years 1 to 9999"),
        (float("nan"), "takes it for null"),
        (float("inf"), "takes it for null"),
        ("a\x00", r"U\+0000"),
        ("\ud800", "surrogate"),
    ],
    ids=["naive", "year 0", "nan", "infinity", "nul", "surrogate"],
)
def test_value_that_would_be_read_as_another_is_refused(value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sent(value)


@pytest.mark.parametrize("value", [None, b"m-1", ["m-1"]], ids=["none", "bytes", "list"])
def test_value_that_questdb_cannot_take_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="cannot bind a parameter of type"):
        sent(value)
