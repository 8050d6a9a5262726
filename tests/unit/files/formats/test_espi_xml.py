"""Green Button files that cannot be read on, and the memory that reading takes."""

import gzip
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.files.formats.espi_rig import (
    START,
    block,
    feed,
    meter_reading,
    point,
    read,
    reading_type,
    value,
)

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.formats.espi_table import EspiTable
from utility_ts_analytics.files.tables.file_bytes import FileBytes

BOMB = '<!DOCTYPE feed [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (BOMB + "<feed>&b;</feed>", "line 1: it has a document type"),
        ('<!DOCTYPE feed SYSTEM "file:///etc/hostname"><feed/>', "line 1: it has a document type"),
        (feed(point()).replace("</feed>", ""), "line 4: no element found"),
        (feed(point(), "<entry></content>"), "line 4: mismatched tag"),
        (feed("&outside;"), "line 3: undefined entity"),
        ("<a>" * 300, "line 1: elements are nested over 200 deep"),
        (feed("<entry><e:IntervalBlock>" + "<a>" * 300), "line 3: elements are nested over"),
        (feed(), "it has no interval readings"),
        ("", "no element found"),
        (b"<feed " + b"a" * 5_000_000, "a tag is over 4194304 bytes"),
        (
            b"<feed><IntervalReading>" + b"<value/>" * 200_000,
            "an interval reading is over 1048576 bytes",
        ),
        (
            feed("<entry>" + '<link rel="related" href="x"/>' * 10_001 + "</entry>"),
            "has over 10000 links",
        ),
    ],
    ids=lambda value: str(value)[:20],
)
def test_files_that_cannot_be_read_on_are_refused(
    tmp_path: Path, content: str | bytes, reason: str
) -> None:
    with pytest.raises(OperatorError) as refused:
        read(tmp_path, content)
    assert str(refused.value).startswith(f"cannot read {tmp_path / 'gb.xml'}")
    assert reason in str(refused.value)


def test_readings_before_a_fault_are_handed_out_only_where_the_first_pass_ends(
    tmp_path: Path,
) -> None:
    """A cut file is found in the first pass: nothing of it is taken for a whole one."""
    cut = feed(point(), meter_reading(), reading_type(), block(value(1)))[:-8]
    with pytest.raises(OperatorError, match="no element found"):
        read(tmp_path, cut)


def test_utf_16_and_packed_files_are_read(tmp_path: Path) -> None:
    content = feed(
        point("Zähler"), meter_reading("Zähler"), reading_type(), block(value(1), number="Zähler")
    )
    wide = content.replace('version="1.0"', 'version="1.0" encoding="UTF-16"').encode("utf-16")
    assert read(tmp_path, wide).values("usage_point") == ["Zähler"]
    assert read(tmp_path, gzip.compress(content.encode())).values("kwh") == [0.001]


class Generated(FileBytes):
    """A file that is nowhere: one interval block of many readings."""

    def __init__(self, count: int) -> None:
        super().__init__(Path("gb.xml"))
        self._count = count

    def first_bytes(self, count: int) -> bytes:
        return next(self.chunks())[:count]

    def chunks(self, offset: int = 0) -> Iterator[bytes]:
        before, after = feed(point(), meter_reading(), block("|"), reading_type()).split("|")
        yield before.encode()
        for number in range(self._count):
            yield value(number, START + 900 * number).encode()
        yield after.encode()


def test_memory_does_not_depend_on_the_readings(monkeypatch: pytest.MonkeyPatch) -> None:
    """One interval block with 9,000 readings takes no more than one with 3,000."""
    monkeypatch.setattr("utility_ts_analytics.files.tables.row_blocks.BLOCK_ROWS_MAX", 1_000)
    peaks = []
    for count in (3_000, 9_000):
        table = EspiTable(Generated(count))
        tracemalloc.start()
        assert sum(one.batch.num_rows for one in table.blocks({})) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0] < 10_000_000
