"""The comparison behind "every value as sent" finds each kind of difference."""

import uuid
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from loadtest.stored import (
    Key,
    SentReading,
    StoredReading,
    expected_row,
    page_differences,
    pages,
)

from utility_ts_analytics.records.event_id import assign_event_ids
from utility_ts_analytics.records.streams import MeterUsage

START = datetime(2024, 5, 1, tzinfo=UTC)


def reading(meter_id: str = "m-1", *, minutes: int = 0, kwh: float = 1.5) -> SentReading:
    return SentReading(
        ts=START + timedelta(minutes=minutes),
        meter_id=meter_id,
        kwh=kwh,
        premise_id="p-1",
        kvarh=-0.25,
        kva_demand=0.1,
        quality_flag="VALID",
        source_system="HES",
    )


def expected(*readings: SentReading) -> dict[Key, StoredReading]:
    return {(row.ts, row.meter_id): row for row in map(expected_row, readings)}


def json_line(value: SentReading) -> bytes:
    return msgspec.json.encode(value) + b"\n"


@pytest.mark.parametrize(
    "sent",
    [
        reading(),
        SentReading(ts=START, meter_id="m", kwh=0.0),
        SentReading(ts=START, meter_id="m", kwh=-0.0, kvarh=-0.0),
        SentReading(ts=START, meter_id="m", kwh=1.0, premise_id=""),
        SentReading(ts=START.astimezone(timezone(timedelta(hours=2))), meter_id="ü", kwh=1e-9),
        SentReading(ts=START + timedelta(microseconds=1), meter_id="m", kwh=0.30000000000000004),
    ],
)
def test_event_id_is_derived_as_the_service_derives_it(sent: SentReading) -> None:
    row = MeterUsage(**msgspec.structs.asdict(sent))
    assign_event_ids([row], stream_number=1)
    event_id = expected_row(sent).event_id
    assert event_id == row.event_id
    assert event_id is not None
    assert (uuid.UUID(event_id).version, uuid.UUID(event_id).variant) == (8, uuid.RFC_4122)


def test_expected_row_is_in_utc() -> None:
    sent = SentReading(ts=START.astimezone(timezone(timedelta(hours=2))), meter_id="m", kwh=1.0)
    assert expected_row(sent).ts.utcoffset() == timedelta(0)


def test_equal_rows_have_no_difference_whatever_their_order() -> None:
    rows = expected(reading("a"), reading("b"))
    assert page_differences(rows, list(reversed(rows.values()))) == []


@pytest.mark.parametrize("column", StoredReading.__struct_fields__[3:])
def test_one_changed_value_is_one_difference_that_names_its_column(column: str) -> None:
    rows = expected(reading("a"), reading("b"))
    changed = msgspec.structs.replace(rows[START, "b"], **{column: None})
    [found] = page_differences(rows, [rows[START, "a"], changed])
    assert (found.ts, found.meter_id, found.column) == (START, "b", column)
    assert found.stored == "None"


def test_the_smallest_change_of_a_number_is_a_difference() -> None:
    rows = expected(reading(kwh=0.3))
    changed = msgspec.structs.replace(rows[START, "m-1"], kwh=0.30000000000000004)
    [found] = page_differences(rows, [changed])
    assert (found.sent, found.stored) == ("0.3", "0.30000000000000004")


def test_empty_text_and_null_are_different() -> None:
    rows = expected(msgspec.structs.replace(reading(), premise_id=""))
    changed = msgspec.structs.replace(rows[START, "m-1"], premise_id=None)
    assert [found.column for found in page_differences(rows, [changed])] == ["premise_id"]


def test_another_event_id_is_a_difference() -> None:
    rows = expected(reading())
    changed = msgspec.structs.replace(rows[START, "m-1"], event_id=str(uuid.uuid4()))
    assert [found.column for found in page_differences(rows, [changed])] == ["event_id"]


def test_missing_row_is_a_difference() -> None:
    rows = expected(reading("a"), reading("b"))
    [found] = page_differences(rows, [rows[START, "a"]])
    assert str(found) == "2024-05-01T00:00:00+00:00 b: row sent once, stored nothing"


def test_row_stored_twice_is_a_difference() -> None:
    rows = expected(reading("a"))
    [found] = page_differences(rows, [rows[START, "a"]] * 2)
    assert str(found) == "2024-05-01T00:00:00+00:00 a: row sent once, stored a further row"


def test_row_that_was_never_sent_is_a_difference() -> None:
    [found] = page_differences({}, list(expected(reading("a")).values()))
    assert (found.column, found.sent, found.stored) == ("row", "nothing", "a further row")


def test_pages_never_split_an_instant() -> None:
    lines = [json_line(reading(f"m-{n % 3}", minutes=n // 3)) for n in range(12)]
    cut = list(pages(lines, 4))
    assert [len(page) for page in cut] == [6, 6]
    assert [one.meter_id for page in cut for one in page] == ["m-0", "m-1", "m-2"] * 4


def test_no_lines_are_no_pages() -> None:
    assert list(pages([], 4)) == []


def test_lines_out_of_order_are_refused() -> None:
    lines = [json_line(reading(minutes=15)), json_line(reading())]
    with pytest.raises(ValueError, match="comes after"):
        list(pages(lines, 1))


@pytest.mark.parametrize(
    "line", [b"{}", b'{"ts":"2024-05-01T00:00:00Z","meter_id":"m","kwh":1,"x":1}']
)
def test_line_that_could_not_be_compared_whole_is_refused(line: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        list(pages([line], 1))
