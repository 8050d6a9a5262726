"""The readings that are posted, and the ILP of the direct side of a measurement."""

from datetime import UTC, datetime

import msgspec
import pytest
from loadtest.readings import ODD_LINE, clean_lines, ilp_lines
from loadtest.stored import SentReading, StoredReading


def row(premise_id: str | None = "p-1") -> StoredReading:
    return StoredReading(
        ts=datetime(2024, 5, 1, 0, 0, 0, 1, tzinfo=UTC),
        event_id="5f1e0c9a-0000-8000-8000-000000000001",
        meter_id="m-1",
        premise_id=premise_id,
        kwh=0.1,
        kvarh=None,
        kva_demand=2.0,
        quality_flag="VALID",
        source_system=None,
    )


def test_line_has_each_value_once_and_no_nulls() -> None:
    assert list(ilp_lines([row()])) == [
        b"meter_usage,meter_id=m-1,quality_flag=VALID"
        b' event_id="5f1e0c9a-0000-8000-8000-000000000001",premise_id="p-1",kwh=0.1,kva_demand=2.0'
        b" 1714521600000001000\n"
    ]


@pytest.mark.parametrize("text", ["a b", "a,b", "a=b", 'a"b', "a\\b", "a\nb", ""])
def test_text_that_needs_escaping_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="premise_id"):
        list(ilp_lines([row(text)]))


def test_clean_lines_are_the_same_every_time_and_each_has_its_own_key() -> None:
    lines = clean_lines(1500)
    assert lines == clean_lines(1500)
    readings = [msgspec.json.decode(line, type=SentReading) for line in lines]
    assert len({(one.ts, one.meter_id) for one in readings}) == 1500


def test_dirty_lines_are_the_clean_ones_but_for_a_share() -> None:
    clean, dirty = clean_lines(2000), clean_lines(2000, bad_share=0.05)
    bad = sum(one != other for one, other in zip(clean, dirty, strict=True))
    assert 60 <= bad <= 140


def test_odd_line_is_json_with_an_escaped_null() -> None:
    assert msgspec.json.decode(ODD_LINE)["meter_id"] == "a\x00"
