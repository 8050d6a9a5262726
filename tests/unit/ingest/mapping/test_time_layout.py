"""Digits read at once are what strptime reads one by one."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utility_ts_analytics.ingest.mapping.time_layout import TimeLayout

EPOCH = datetime(1970, 1, 1)
FORMATS = ["%d.%m.%Y %H:%M", "%Y%m%d%H%M%S", "%Y-%j", "%Y/%m/%d %H:%M:%S.%f", "%H:%M %m/%d/%Y"]


def read(text: str, format_: str) -> datetime | None:
    layout = TimeLayout.of_format(format_)
    assert layout is not None
    if not layout.fits(len(text)):
        return None
    micros, good = layout.read(np.frombuffer(text.encode(), np.uint8).reshape(1, -1))
    return EPOCH + timedelta(microseconds=int(micros[0])) if good[0] else None


@given(st.datetimes(datetime(1000, 1, 1)), st.sampled_from(FORMATS))
def test_layout_equals_strptime(moment: datetime, format_: str) -> None:
    text = moment.strftime(format_)
    assert read(text, format_) == datetime.strptime(text, format_)  # noqa: DTZ007


@given(st.text("0123456789.: ", min_size=16, max_size=16))
@settings(max_examples=150)
def test_texts_of_the_right_width_are_times_only_if_strptime_says_so(text: str) -> None:
    found = read(text, FORMATS[0])
    if found is not None and "24:00" not in text:
        assert found == datetime.strptime(text, FORMATS[0])  # noqa: DTZ007


@pytest.mark.parametrize(
    "text",
    [
        *("30.02.2024 00:00", "29.02.2023 00:00", "00.01.2024 00:00", "01.13.2024 00:00"),
        *("01.01.2024 24:01", "01.01.2024 25:00", "01.01.2024 00:60", "01-01-2024 00:00"),
        *("0x.01.2024 00:00", "01.01.0000 00:00"),
    ],
)
def test_times_that_do_not_exist_are_none(text: str) -> None:
    assert read(text, FORMATS[0]) is None


def test_end_of_the_day_is_the_next_midnight() -> None:
    assert read("31.12.2024 24:00", FORMATS[0]) == datetime(2025, 1, 1)


@pytest.mark.parametrize(
    ("digits", "micros"), [("1", 100_000), ("1234565", 123_457), ("000000499", 0)]
)
def test_fractions_of_any_length_are_rounded_to_microseconds(digits: str, micros: int) -> None:
    text = f"2024/06/03 10:00:00.{digits}"
    assert read(text, FORMATS[3]) == datetime(2024, 6, 3, 10, 0, 0, micros)


@pytest.mark.parametrize(
    "format_", ["%d %b %Y", "%I:%M %p", "%Y-%m", "%Y%m%d%z", "%Y%m%d%H%H", "%y%m%d"]
)
def test_formats_without_one_width_have_no_layout(format_: str) -> None:
    assert TimeLayout.of_format(format_) is None
