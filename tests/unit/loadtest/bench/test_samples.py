"""The input of the benches."""

import msgspec
from loadtest.bench.samples import ODD_LINE, clean_lines, dirty_lines
from loadtest.stored_comparison import SentReading


def test_clean_lines_are_the_same_every_time_and_each_has_its_own_key() -> None:
    lines = clean_lines(1500)
    assert lines == clean_lines(1500)
    readings = [msgspec.json.decode(line, type=SentReading) for line in lines]
    assert len({(one.ts, one.meter_id) for one in readings}) == 1500


def test_dirty_lines_are_the_clean_ones_but_for_a_share() -> None:
    clean, dirty = clean_lines(2000), dirty_lines(2000, 0.05)
    bad = sum(one != other for one, other in zip(clean, dirty, strict=True))
    assert 60 <= bad <= 140


def test_odd_line_is_json_with_an_escaped_null() -> None:
    assert msgspec.json.decode(ODD_LINE)["meter_id"] == "a\x00"
