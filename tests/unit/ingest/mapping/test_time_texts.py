"""Times as text are what the server, strptime and arithmetic make of each."""

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utility_ts_analytics.ingest.mapping.time_texts import times_of_text

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read(*texts: str | None, formats: tuple[str, ...] = ("iso",)) -> list[datetime | None]:
    """Return each time: with a zone if it is an instant, without if it is on the wall."""
    times = times_of_text(pa.array(texts, pa.string()), formats)
    found: list[datetime | None] = []
    for micros, instant, good in zip(times.micros, times.instant, times.good, strict=True):
        moment = EPOCH + timedelta(microseconds=int(micros))
        found.append(None if not good else moment if instant else moment.replace(tzinfo=None))
    return found


DIGITS = st.integers(0, 99).map("{:02}".format)
ZONES = st.sampled_from(
    ["Z", "z", "", "+00:00", "+02:00", "-23:59", "+24:00", "+0200", "+02", "-00:60"]
)
ALMOST = st.builds(
    "{}{}-{}-{}{}{}:{}:{}{}{}".format,
    *(
        st.sampled_from(["20", "19", "2a"]),
        DIGITS,
        DIGITS,
        DIGITS,
        st.sampled_from(["T", "t", " "]),
    ),
    *(DIGITS, DIGITS, DIGITS, st.sampled_from(["", ".5", ".12345", ".1234567"]), ZONES),
)
INSTANTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(
    lambda moment: moment.replace(tzinfo=timezone(timedelta(hours=1))).isoformat()
)


@given(st.lists(ALMOST | INSTANTS, min_size=1, max_size=3), st.booleans())
@settings(max_examples=250)
def test_quick_times_are_those_of_the_server(texts: list[str], same: bool) -> None:
    """Several of one form go the quick way; the server's decoder judges each."""
    texts = texts[:1] * 3 if same else texts
    expected: list[datetime | None] = []
    for text in texts:
        if text.endswith("+0200"):  # which msgspec takes, and the server does not
            expected.append(None)
            continue
        try:
            expected.append(msgspec.convert(text, datetime))
        except msgspec.ValidationError:
            expected.append(None)
    assert read(*texts) == expected


def test_offset_without_its_colon_needs_a_format_that_says_so() -> None:
    assert read("2024-06-03T12:00:00+0200", "2024-06-03T12:00:00.5-0000") == [None, None]
    noon = datetime(2024, 6, 3, 10, tzinfo=UTC)
    assert read("2024-06-03T12:00:00+0200", formats=("%Y-%m-%dT%H:%M:%S%z",)) == [noon]


def test_dates_and_minutes_without_an_offset_are_on_the_wall() -> None:
    noon = datetime(2024, 6, 3, 12)
    assert read("2024-06-03 12:00", "2024-06-03T12:00") == [noon, noon]
    assert read("2024-06-03") == [datetime(2024, 6, 3)]
    assert read("2024-06-03T12:00:00", "2024-06-03T12:00:00") == [noon, noon]
    assert read("2024-06-03 12:00:00.25") == [noon + timedelta(milliseconds=250)]
    assert read("2024-06-03T12:00Z") == [None]


def test_formats_are_tried_in_order_and_nulls_are_no_times() -> None:
    formats = ("%d.%m.%Y %H:%M", "%d %b %Y %H:%M%z", "epoch_s")
    assert read(
        "03.06.2024 12:00", "03 Jun 2024 12:00+0200", "1717408800", None, "x", formats=formats
    ) == [
        datetime(2024, 6, 3, 12),
        datetime(2024, 6, 3, 10, tzinfo=UTC),
        datetime(2024, 6, 3, 10, tzinfo=UTC),
        None,
        None,
    ]


def test_rows_that_the_first_format_does_not_fit_leave_the_others_as_read() -> None:
    assert read("03.06.2024 12:00", "03.16.2024 12:00", formats=("%d.%m.%Y %H:%M",)) == [
        datetime(2024, 6, 3, 12),
        None,
    ]


@pytest.mark.parametrize(
    ("format_", "text", "micros"),
    [
        ("epoch_s", "1717408800", 1_717_408_800_000_000),
        ("epoch_s", "1717408800.25", 1_717_408_800_250_000),
        ("epoch_ms", "1717408800123", 1_717_408_800_123_000),
        ("epoch_us", "1717408800123456", 1_717_408_800_123_456),
        ("epoch_ns", "1717408800123456500", 1_717_408_800_123_457),
        ("epoch_s", "-1.5", -1_500_000),
        ("epoch_s", "1e9", None),
        ("epoch_s", "", None),
        ("epoch_s", "999999999999999999", None),
    ],
)
def test_epochs(format_: str, text: str, micros: int | None) -> None:
    times = times_of_text(pa.array([text]), (format_,))
    assert (int(times.micros[0]) if times.good[0] else None) == micros


def test_seven_digits_of_a_slow_format_are_rounded() -> None:
    expected = datetime(2024, 6, 3, 12, 0, 0, 123_457)
    assert read("3 Jun 2024 12:00:00.1234565", formats=("%d %b %Y %H:%M:%S.%f",)) == [expected]
