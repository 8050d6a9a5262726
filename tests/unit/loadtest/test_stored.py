"""What must be stored is derived apart from the service, and every difference is told."""

import uuid
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from loadtest.readings import clean_lines, ilp_lines
from loadtest.stored import SentReading, StoredReading, differences, expected_row

from utility_ts_analytics.records.event_id import assign_event_ids
from utility_ts_analytics.records.streams import MeterUsage

START = datetime(2024, 5, 1, tzinfo=UTC)
EAST = timezone(timedelta(hours=2))
READING = SentReading(
    START + timedelta(microseconds=1), "m-1", 0.1, "p-1", None, 2.0, "VALID", None
)


@pytest.mark.parametrize(
    "sent",
    [
        READING,
        SentReading(ts=START, meter_id="m", kwh=0.0),
        SentReading(ts=START, meter_id="m", kwh=-0.0, kvarh=-0.0),
        SentReading(ts=START, meter_id="m", kwh=1.0, premise_id=""),
        SentReading(ts=START.astimezone(EAST), meter_id="ü", kwh=1e-9),
        SentReading(ts=START + timedelta(microseconds=1), meter_id="m", kwh=0.30000000000000004),
    ],
)
def test_event_id_is_derived_as_the_service_derives_it(sent: SentReading) -> None:
    row = MeterUsage(**msgspec.structs.asdict(sent))
    assign_event_ids([row], stream_number=1)
    expected = expected_row(sent)
    assert expected.event_id == row.event_id
    assert expected.ts.utcoffset() == timedelta(0)
    found = uuid.UUID(expected.event_id)
    assert (found.version, found.variant) == (8, uuid.RFC_4122)


@pytest.mark.parametrize("column", StoredReading.__struct_fields__)
def test_one_changed_value_is_one_difference_that_names_its_column(column: str) -> None:
    row = expected_row(READING)
    assert differences(row, row) == []
    [found] = differences(row, msgspec.structs.replace(row, **{column: "x"}))
    assert found.startswith(f"{column} sent ")


def test_the_smallest_change_of_a_number_and_null_for_an_empty_text_are_differences() -> None:
    row = msgspec.structs.replace(expected_row(READING), kwh=0.3, premise_id="")
    other = msgspec.structs.replace(row, kwh=0.30000000000000004, premise_id=None)
    assert differences(row, other) == [
        "premise_id sent '', stored None",
        "kwh sent 0.3, stored 0.30000000000000004",
    ]


def test_ilp_line_has_each_value_once_and_no_nulls() -> None:
    [line] = ilp_lines([msgspec.structs.replace(expected_row(READING), event_id="an-id")])
    assert line == (
        b"meter_usage,meter_id=m-1,quality_flag=VALID"
        b' event_id="an-id",premise_id="p-1",kwh=0.1,kva_demand=2.0 1714521600000001000\n'
    )


@pytest.mark.parametrize("text", ["a b", "a,b", "a=b", 'a"b', "a\\b", "a\nb", ""])
def test_text_that_needs_escaping_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="premise_id"):
        list(ilp_lines([msgspec.structs.replace(expected_row(READING), premise_id=text)]))


def test_produced_lines_are_the_same_every_time_each_with_its_own_key_and_some_bad() -> None:
    lines, dirty = clean_lines(1500), clean_lines(1500, bad_share=0.05)
    assert lines == clean_lines(1500)
    readings = [msgspec.json.decode(line, type=SentReading) for line in lines]
    assert len({(one.ts, one.meter_id) for one in readings}) == 1500
    assert 40 <= sum(one != other for one, other in zip(lines, dirty, strict=True)) <= 110
