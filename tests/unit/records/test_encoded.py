"""Encoded lines can be cut between any two, without a copy, and made into rows again."""

from array import array
from collections.abc import Sequence
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from utility_ts_analytics.records.encoded import EncodedLines
from utility_ts_analytics.records.reading import Reading
from utility_ts_analytics.records.streams import MeterUsage

TS = datetime(2026, 1, 1, tzinfo=UTC)


def restore(data: bytes) -> Sequence[Reading]:
    return [MeterUsage(ts=TS, meter_id=text.decode(), kwh=1.0) for text in data.split(b";")[:-1]]


def lines_of(texts: Sequence[str]) -> EncodedLines:
    data, ends = b"", array("q")
    for text in texts:
        data += text.encode() + b";"
        ends.append(len(data))
    return EncodedLines(memoryview(data), memoryview(ends), 0, b"t", restore)


def texts_of(lines: EncodedLines) -> list[str]:
    return [row.meter_id for row in lines.rows() if isinstance(row, MeterUsage)]


texts = st.lists(st.text("ab\n", max_size=4), max_size=9)


@given(texts, st.data())
def test_part_of_a_part_has_its_own_lines_and_no_others(
    given_texts: list[str], data: st.DataObject
) -> None:
    lines, expected = lines_of(given_texts), given_texts
    for _ in range(3):
        first = data.draw(st.integers(0, len(expected)))
        stop = data.draw(st.integers(first, len(expected)))
        lines, expected = lines.part(first, stop), expected[first:stop]
        assert len(lines) == len(expected)
        assert bytes(lines.data) == b"".join(text.encode() + b";" for text in expected)
        assert lines.size_bytes == len(lines.data)
        assert texts_of(lines) == expected
        assert lines.table == b"t"


def test_part_is_a_view() -> None:
    lines = lines_of(["a", "b"])
    assert lines.part(1, 2).data.obj is lines.data.obj
