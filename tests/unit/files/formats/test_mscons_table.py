"""MSCONS files: whose quantities they are, from when to when, and what is refused."""

import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.unit.files.format_rig import (
    SAMPLES,
    TableRead,
    cells,
    file_of,
    mapped,
    read_table,
)

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.formats.mscons_table import MsconsTable
from utility_ts_analytics.files.tables.file_bytes import FileBytes

MIDNIGHT = datetime(2024, 1, 1, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
UNB = "UNB+UNOC:3+9900000000001:500+9900000000002:500+240101:0101+X19'"
UNH = "UNH+1+MSCONS:D:04B:UN:2.4c'"


def times(begin: str = "202401010000?+00", end: str = "202401010015?+00", form: str = "303") -> str:
    return f"DTM+163:{begin}:{form}'DTM+164:{end}:{form}'"


def item(*quantities: str, product: str = "1-1?:1.29.0") -> str:
    return f"LIN+1'PIA+5+{product}:SRW'" + "".join(quantities)


def place(name: str, *items: str) -> str:
    return f"NAD+DP'LOC+172+{name}'" + times(end="202401010100?+00") + "".join(items)


def interchange(*parts: str, message: str = UNH) -> str:
    return UNB + message + "BGM+7+X19-1+9'" + "".join(parts) + "UNT+9+1'UNZ+1+X19'"


def read(tmp_path: Path, content: str | bytes) -> TableRead:
    return read_table(MsconsTable(file_of(tmp_path, "v.edi", content)))


def rows_of(found: TableRead) -> list[dict[str, object]]:
    return mapped("mscons.sql", "mscons($path)", found.table)


def test_sample_comes_to_its_right_rows() -> None:
    found = read_table(MsconsTable(FileBytes(SAMPLES / "mscons.edi")))
    meter = "DE0000000000000000000000000000191"
    assert cells(rows_of(found), "rec", "ts", "meter_id", "kwh", "quality_flag") == [
        (1, MIDNIGHT, meter, 1.25, "VALID"),
        (2, MIDNIGHT + QUARTER, meter, 0.5, "VALID"),
    ]
    assert set(cells(found.rows, "product", "message", "sender", "receiver", "minutes")) == {
        ("1-1:1.29.0", "1", "9900000000001", "9900000000002", 15.0)
    }
    assert found.notes == {}


def test_places_products_and_messages_are_told_apart(tmp_path: Path) -> None:
    one = place(
        "A", item("QTY+220:1'" + times()), item("QTY+220:2'" + times(), product="1-1?:2.29.0")
    )
    two = place("B", item("QTY+67:3'" + times() + "STS+7++Z84'STS+Z31++Z36'"))
    again = UNH.replace("UNH+1", "UNH+2")
    found = read(
        tmp_path, interchange(one, two, "UNT+9+1'", again, place("C", "QTY+220:4'" + times()))
    )
    assert cells(rows_of(found), "rec", "meter_id", "kwh", "quality_flag") == [
        (1, "A", 1.0, "VALID"),
        (2, "A-EXPORT", 2.0, "VALID"),
        (3, "B", 3.0, "ESTIMATED"),
        (4, "C", 4.0, "VALID"),
    ]
    assert found.values("message") == ["1", "1", "1", "2"]
    assert found.values("status") == [None, None, "7:Z84,Z31:Z36", None]
    assert found.values("product")[3] is None


def test_default_mapping_leaves_out_what_is_no_interval_energy(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        interchange(
            place(
                "A",
                item("QTY+220:1:KWH'" + times()),
                item("QTY+220:2'DTM+9:202401010000?+00:303'", product="1-1?:1.8.0"),
                item("QTY+220:3'" + times(), product="1-1?:1.8.0"),
                item("QTY+220:4'" + times(), product="1-1?:5.29.0"),
                item("QTY+220:5'" + times(), product="7-20?:3.0.0"),
                item("QTY+20:6'" + times(), "QTY+220'" + times(), "QTY+Z18:7'" + times()),
            )
        ),
    )
    assert cells(rows_of(found), "kwh", "quality_flag") == [(1.0, "VALID"), (7.0, "PRELIMINARY")]
    assert len(found.rows) == 8
    assert found.notes == {"mscons-quantities-without-a-value": 1}


@pytest.mark.parametrize(
    ("quantity", "kwh"),
    [
        ("1.5:KWH", 1.5),
        ("0.1:MWH", 100.0),
        ("1500:WHR", 1.5),
        ("2:KWT", 0.5),
        ("0.1:MAW", 25.0),
        ("2:MTQ", None),
        ("-0.25", -0.25),
    ],
)
def test_units(tmp_path: Path, quantity: str, kwh: float | None) -> None:
    found = read(tmp_path, interchange(place("A", item(f"QTY+220:{quantity}'" + times()))))
    assert found.values("kwh") == [kwh]


@pytest.mark.parametrize(
    ("begin", "end", "form", "expected", "minutes"),
    [
        ("202401010000?+00", "202401010100?+00", "303", MIDNIGHT, 60.0),
        ("202401010100?+01", "202401010115?+01", "303", MIDNIGHT, 15.0),
        ("202312311930-0430", "202401010015UTC", "303", MIDNIGHT, 15.0),
        ("202312312400?+00", "202401010015?+00", "303", MIDNIGHT, 15.0),
        ("202401010000", "202401010015", "203", None, None),
    ],
)
def test_times_with_an_offset_are_instants_and_others_text(
    tmp_path: Path,
    begin: str,
    end: str,
    form: str,
    expected: datetime | None,
    minutes: float | None,
) -> None:
    quantity = "QTY+220:1'" + times(begin, end, form)
    found = read(tmp_path, interchange(place("A", item(quantity))))
    [row] = found.rows
    assert (row["ts"], row["from_ts"], row["minutes"]) == (expected, expected, minutes)
    assert row["from_text"] == begin.replace("?", "")
    # Without an offset there is no ts, and the row is refused for that, not left out.
    assert cells(rows_of(found), "ts", "ts_text") == [(expected, row["from_text"])]


def test_refused_quantities_can_be_corrected_and_loaded_again(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        interchange(
            place("A?'s", item("QTY+220:1,5'" + times(), "QTY+220:2'" + times())),
            place("B", item("QTY+67:3'" + times("202413010000?+00"))),
            place("C", item("QTY+67:4'" + times(end="202401010000?+00"))),
        ),
    )
    assert found.codes == [
        (1, "invalid-number", "kwh"),
        (3, "invalid-timestamp", "ts"),
        (4, "invalid-timestamp", "ts"),
    ]
    assert [one.cell for one in found.refused] == ["1,5", "202413010000+00", "202401010000+00"]
    table = MsconsTable(FileBytes(tmp_path / "v.edi"))
    text = (table.head + b"".join(one.text for one in found.refused)).decode() + found.texts[
        0
    ].decode()
    text = (
        text.replace("1,5", "1.5")
        .replace("202413", "202401")
        .replace("164:202401010000", "164:202401010015")
    )
    again = read(tmp_path, text)
    assert again.refused == []
    assert cells(rows_of(again), "meter_id", "ts", "kwh") == [
        ("A's", MIDNIGHT, 1.5),
        ("B", MIDNIGHT, 3.0),
        ("C", MIDNIGHT, 4.0),
        ("A's", MIDNIGHT, 2.0),
    ]
    assert again.notes == {"mscons-no-end-segment": 1}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (
            interchange(message="UNH+1+UTILMD:D:11A:UN:5.2e'"),
            "it has UTILMD messages, no MSCONS",
        ),
        ("", "it has no messages"),
        (interchange(place("A"))[:-4], "the file ends within it"),
        (UNB + UNH + "LOC+172+" + "A" * 70_000, "segment 3: it is over 65536 bytes"),
    ],
    ids=lambda value: str(value)[-20:],
)
def test_files_that_cannot_be_read_are_refused(tmp_path: Path, content: str, reason: str) -> None:
    with pytest.raises(OperatorError, match=reason):
        read(tmp_path, content)


def test_messages_of_other_types_are_counted(tmp_path: Path) -> None:
    other = "UNH+2+APERAK:D:07B:UN:2.1'QTY+220:9'UNT+2+2'"
    found = read(tmp_path, interchange(place("A", item("QTY+220:1'" + times())), "UNT+9+1'", other))
    assert (found.values("rec"), found.notes) == ([1], {"edifact-messages-of-other-types": 1})


def test_memory_does_not_depend_on_the_quantities(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("utility_ts_analytics.files.tables.row_blocks.BLOCK_ROWS_MAX", 250)
    peaks = []
    for count in (1_000, 3_000):
        quantities = "".join(f"QTY+220:{number}'" + times() for number in range(count))
        table = MsconsTable(
            file_of(tmp_path, f"{count}.edi", interchange(place("A", item(quantities))))
        )
        del quantities
        tracemalloc.start()
        assert sum(one.batch.num_rows for one in table.blocks({})) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 2 * peaks[0] < 10_000_000
