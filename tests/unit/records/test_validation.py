"""The rules beyond types: range of `ts`, U+0000, and the closed set of codes."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from msgspec.structs import replace

from utility_ts_analytics.records.days import ends_of
from utility_ts_analytics.records.streams import MeterUsage
from utility_ts_analytics.records.validation import (
    PARSE_CODES,
    RULE_CODES,
    TS_END,
    TS_MIN,
    RowError,
    all_in_range,
    broken_rule,
    latest_ts,
)

TICK = timedelta(microseconds=1)
SECOND_NS = 1_000_000_000


def row(ts: datetime) -> MeterUsage:
    return MeterUsage(ts=ts, meter_id="m", kwh=1.0)


def zone(minutes: int) -> timezone:
    return timezone(timedelta(minutes=minutes))


EDGES = [
    (TS_MIN, True),
    (TS_MIN - TICK, False),
    (TS_END - TICK, True),
    (TS_END, False),
    (datetime(2000, 1, 1, 0, 59, tzinfo=zone(60)), False),
    (datetime(2100, 1, 1, 0, 59, tzinfo=zone(60)), True),
    (datetime(1, 1, 1, tzinfo=zone(1439)), False),
    (datetime(9999, 12, 31, 23, 59, tzinfo=zone(-1439)), False),
]


@pytest.mark.parametrize(("ts", "fits"), EDGES)
def test_both_ways_to_judge_the_range_agree(ts: datetime, fits: bool) -> None:
    middle = row(datetime(2024, 1, 1, tzinfo=UTC))
    assert all_in_range(ends_of([row(ts)]), TS_END) is fits
    assert all_in_range(ends_of([middle, row(ts), middle]), TS_END) is fits
    error = broken_rule(row(ts), 5, TS_END)
    if fits:
        assert error is None
    else:
        assert error is not None
        assert (error.position, error.code, error.field) == (5, "timestamp-out-of-range", "ts")
        assert "2000-01-01" in error.detail


def test_no_rows_are_all_in_range() -> None:
    assert all_in_range(ends_of([]), TS_END)


def test_future_limit_of_zero_is_the_end_of_the_century() -> None:
    assert latest_ts(0, 0) == TS_END


def test_reading_as_far_ahead_as_allowed_fits_and_one_second_later_does_not() -> None:
    now = datetime(2024, 5, 1, 12, tzinfo=UTC)
    end = latest_ts(int(now.timestamp()) * SECOND_NS, 10)
    edge = now + timedelta(minutes=10)
    assert broken_rule(row(edge), 1, end) is None
    error = broken_rule(row(edge + timedelta(seconds=1)), 1, end)
    assert error is not None
    assert error.detail == (
        "ts is further in the future than max_future_minutes allows:"
        " it must be before 2024-05-01T12:10:01Z"
    )


def test_future_limit_never_goes_past_the_end_of_the_century() -> None:
    late_ns = int(datetime(2099, 12, 31, 23, 59, tzinfo=UTC).timestamp()) * SECOND_NS
    assert latest_ts(late_ns, 60) == TS_END


def test_reading_from_before_the_range_is_not_called_future() -> None:
    error = broken_rule(row(TS_MIN - TICK), 1, datetime(2024, 1, 1, tzinfo=UTC))
    assert error is not None
    assert "future" not in error.detail


@pytest.mark.parametrize(
    "field", ["event_id", "meter_id", "premise_id", "quality_flag", "source_system"]
)
def test_null_character_is_found_in_every_text(field: str) -> None:
    error = broken_rule(replace(row(TS_MIN), **{field: "a\x00b"}), 3, TS_END)
    assert error is not None
    assert (error.position, error.code, error.field) == (3, "forbidden-character", field)


def test_other_control_characters_are_allowed() -> None:
    assert broken_rule(replace(row(TS_MIN), premise_id="\x01\n\x7f"), 1, TS_END) is None


def test_identifier_of_blanks_is_too_short_and_other_texts_may_be_blank() -> None:
    good = MeterUsage(ts=datetime(2024, 1, 1, tzinfo=UTC), meter_id="m", kwh=1.0)
    detail = "meter_id must not be only blanks"
    for blank in (" ", "\t", "\u00a0\u3000", "\x1f"):
        error = broken_rule(replace(good, meter_id=blank), 7, TS_END)
        assert error == RowError(7, "text-length", "meter_id", detail)
        assert broken_rule(replace(good, premise_id=blank), 7, TS_END) is None
    assert broken_rule(replace(good, meter_id=" m "), 7, TS_END) is None


def test_codes_are_the_closed_set_of_the_contract() -> None:
    parse = "invalid-json invalid-utf8 line-too-long missing-field wrong-type invalid-timestamp"
    rules = "timestamp-out-of-range negative-value text-length forbidden-character sink-rejected"
    assert set(PARSE_CODES) == {*parse.split(), "invalid-number"}
    assert set(RULE_CODES) == set(rules.split())
