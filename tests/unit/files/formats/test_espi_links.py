"""Readings find the usage point and the type they belong to, however the entries are ordered."""

import random
from pathlib import Path

import pytest
from tests.unit.files.format_rig import (
    cells,
)
from tests.unit.files.formats.espi_rig import (
    START,
    WH,
    block,
    feed,
    meter_reading,
    point,
    read,
    reading_type,
    rows_of,
    value,
)

from utility_ts_analytics.errors import OperatorError


def test_each_reading_finds_its_point_and_type_whatever_the_order_of_the_entries(
    tmp_path: Path,
) -> None:
    received = WH.replace("<flowDirection>1<", "<flowDirection>19<")
    parts = [
        *(point("A"), meter_reading("A", 0), meter_reading("A", 1, "/ReadingType/8")),
        *(point("B"), meter_reading("B", 0)),
        *(reading_type(), reading_type(received, "https://utility.example/espi/ReadingType/8?x=1")),
        *(block(value(1000), value(2000, START + 900), number="A"), block(value(3000), number="B")),
        block(value(4000), number="A", reading=1),
    ]
    expected = {("A", 1.0), ("A", 2.0), ("B", 3.0), ("A-EXPORT", 4.0)}
    for seed in range(6):
        random.Random(seed).shuffle(parts)  # noqa: S311  seeded on purpose
        found = read(tmp_path, feed(*parts))
        assert set(cells(rows_of(found), "meter_id", "kwh")) == expected
        assert found.values("rec") == [1, 2, 3, 4]
        assert set(found.values("title")) == {"of /UsagePoint/A", "of /UsagePoint/B"}


@pytest.mark.parametrize(
    "up",
    [
        "/UsagePoint/1/MeterReading/0",
        "https://utility.example/UsagePoint/1/MeterReading/0/IntervalBlock?published-min=1",
        "/UsagePoint/1/MeterReading/0/IntervalBlock/",
        "",
    ],
)
def test_links_are_compared_as_addresses_are_meant(tmp_path: Path, up: str) -> None:
    found = read(tmp_path, feed(block(value(5), up=up), point(), meter_reading(), reading_type()))
    assert cells(found.rows, "usage_point", "meter_reading", "kwh") == [("1", "0", 0.005)]


def test_links_behind_the_content_are_known_too(tmp_path: Path) -> None:
    late = block(value(5), number=2)
    links, content = late.split("<title>")
    late = "<entry><title>" + content.replace(
        "</entry>", links.removeprefix("<entry>") + "</entry>"
    )
    parts = (point(1), point(2), meter_reading(1), meter_reading(2), reading_type(), late)
    assert read(tmp_path, feed(*parts)).values("usage_point") == ["2"]


def test_block_without_a_feed_and_without_prefix_is_read(tmp_path: Path) -> None:
    bare = block(value(7)).partition("<content>")[2].partition("</content>")[0]
    bare = bare.replace("e:", "").replace(
        "<IntervalBlock>", '<IntervalBlock xmlns="http://naesb.org/espi">'
    )
    found = read(tmp_path, bare)
    [row] = found.rows
    assert (row["usage_point"], row["energy"], row["kwh"], row["value"]) == (None, None, None, "7")
    assert found.notes == {"espi-readings-without-reading-type": 1}
    # What lacks its type is not left out in silence: it has no kwh, and is refused for that.
    assert cells(rows_of(found), "kwh", "kwh_text") == [(None, "7")]


def test_type_that_the_file_lacks_is_not_any_other(tmp_path: Path) -> None:
    parts = (point(), meter_reading(kind="/ReadingType/9"), reading_type(), block(value(5)))
    assert read(tmp_path, feed(*parts)).values("energy") == [None]


def test_too_many_resources_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("utility_ts_analytics.files.formats.espi_links.RESOURCES_MAX", 2)
    with pytest.raises(OperatorError, match="over 2 usage points"):
        read(tmp_path, feed(point(), meter_reading(), reading_type(), block(value(1))))
