"""Lines of separated text that are encoded at once: which are, and which are left to columns."""

from datetime import UTC, datetime

import pytest
from tests.unit.sinks.ilp.json_rig import FIELDS, ROWS_TO_LINES, SPEC, TABLE

from utility_ts_analytics.records import native
from utility_ts_analytics.records.encoded import EncodedCsv
from utility_ts_analytics.records.row_versions import versions_of_rows
from utility_ts_analytics.records.validation import TS_END
from utility_ts_analytics.sinks.ilp.text_blocks import csv_encoder

NAMES = ("ts", "note", "meter_id", "kwh", "premise_id")
GOOD = "2024-05-01T00:00:00Z,x,m-1,1.5,p"


def encoded(*lines: str | bytes, separator: str = ",", signed: bool = False) -> EncodedCsv:
    record_type = SPEC.type_for(allow_negative=signed)
    encode = csv_encoder(TABLE, SPEC, record_type, names=NAMES, separator=separator, ts_end=TS_END)
    assert encode is not None
    texts = [line if isinstance(line, bytes) else line.encode() for line in lines]
    return encode(b"".join(text + b"\n" for text in texts))


USUAL = {
    GOOD: ("m-1", 1.5, "p"),
    GOOD + "\r": ("m-1", 1.5, "p"),
    GOOD.replace(",p", ","): ("m-1", 1.5, None),
    GOOD.replace(",p", ",\r"): ("m-1", 1.5, None),
    GOOD.replace(",x,", ",,"): ("m-1", 1.5, "p"),
    GOOD.replace(",x,", ',"a,b",'): ("m-1", 1.5, "p"),
    '"2024-05-01T00:00:00Z","","m,1","1.5",""': ("m,1", 1.5, None),
    '"2024-05-01T00:00:00Z","","m 1","1.5","p|"\r': ("m 1", 1.5, "p|"),
    GOOD.replace("m-1", "Zähler 1"): ("Zähler 1", 1.5, "p"),
    GOOD.replace("m-1", "m" * 256): ("m" * 256, 1.5, "p"),
    GOOD.replace(",p", ", p "): ("m-1", 1.5, " p "),
    GOOD.replace("1.5", "1e-3"): ("m-1", 0.001, "p"),
}


@pytest.mark.parametrize("line", USUAL)
def test_what_is_usual_is_encoded(line: str) -> None:
    found = encoded(line, GOOD)
    assert found.size_bytes == len(f"{line}\n{GOOD}\n".encode())
    rows = found.lines.rows()
    assert bytes(found.lines.data) == ROWS_TO_LINES(rows)
    assert found.lines.versions == versions_of_rows(rows, SPEC)
    assert found.days == {19844}
    row = rows[0]
    assert row.ts == datetime(2024, 5, 1, tzinfo=UTC)
    assert (row.meter_id, row.kwh, row.premise_id) == USUAL[line]  # type: ignore[attr-defined]


@pytest.mark.parametrize("separator", ["\t", "|"])
def test_other_separators(separator: str) -> None:
    found = encoded(GOOD.replace(",", separator), separator=separator)
    assert len(found.lines) == 1
    assert len(encoded(GOOD, separator=separator).lines) == 0


ODD = [
    "",
    "\r",
    ",,,,",
    GOOD + ",",
    GOOD.removesuffix(",p"),
    GOOD.replace("m-1", ""),
    GOOD.replace("1.5", ""),
    GOOD.replace("1.5", "-1.5"),
    GOOD.replace("1.5", "-0"),
    GOOD.replace("1.5", "+1"),
    GOOD.replace("1.5", " 1.5"),
    GOOD.replace("1.5", "1.5 "),
    GOOD.replace("1.5", "1,5"),
    GOOD.replace("1.5", '"1,5"'),
    GOOD.replace("1.5", "nan"),
    GOOD.replace("1.5", "1e999"),
    GOOD.replace("m-1", " m"),
    GOOD.replace("m-1", "m\tn"),
    GOOD.replace("m-1", "m\\n"),
    GOOD.replace("m-1", "m\rn"),
    GOOD.replace("m-1", 'm"n'),
    GOOD.replace("m-1", '"m"n'),
    GOOD.replace("m-1", '"m""n"'),
    GOOD.replace("m-1", '"m'),
    GOOD.replace("m-1", '"'),
    GOOD.replace("m-1", 'm"'),
    GOOD.replace("m-1", '"m"\r'),
    GOOD.replace("m-1", "m" * 257),
    GOOD.replace("m-1", "m\0"),
    GOOD.replace(",p", ",p\r\r"),
    GOOD.replace(",p", ',"p\r"'),
    GOOD.replace(",p", ',"p"\r\r'),
    GOOD.replace(",x,", ",x\r,"),
    GOOD.replace(",x,", ',x",'),
    GOOD.replace(",x,", ',"x\r",'),
    GOOD.encode().replace(b"m-1", b"m\xff"),
    GOOD.encode().replace(b"m-1", b"m\xc3"),
    GOOD.replace("T", " "),
    GOOD.replace("Z", ""),
    GOOD.replace("2024", "1999"),
    GOOD.replace("2024", "2100"),
    GOOD.replace("00Z", "00Z "),
]


@pytest.mark.parametrize("line", ODD)
def test_what_is_odd_is_left_to_columns(line: str | bytes) -> None:
    found = encoded(GOOD, line, GOOD)
    text = line if isinstance(line, bytes) else line.encode()
    if b'"' in text or not text.strip(b"\r"):  # it may be no record, or not the only line of one
        assert found.doubts == []
        assert found.size_bytes == len(GOOD) + 1
        assert len(found.lines) == 1
    else:
        assert found.doubts == [1]
        assert found.size_bytes == 2 * len(GOOD) + len(text) + 3
        assert len(found.lines) == 2


def test_where_most_lines_are_odd_it_ends() -> None:
    found = encoded(*[GOOD.replace("1.5", "x")] * 40)
    assert found.size_bytes < 40 * len(GOOD)
    assert len(found.lines) == 0


def test_negative_numbers_are_encoded_where_the_source_allows_them() -> None:
    found = encoded(GOOD.replace("1.5", "-1.5"), signed=True)
    assert [row.kwh for row in found.lines.rows()] == [-1.5]  # type: ignore[attr-defined]


def test_what_is_read_of_no_line_is_nothing() -> None:
    assert encoded().size_bytes == 0
    assert encoded().lines.versions == b""


def test_files_of_very_many_columns_are_left_to_the_other_way() -> None:
    def made(count: int) -> object:
        names = (*NAMES, *map(str, range(count - len(NAMES))))
        return csv_encoder(TABLE, SPEC, SPEC.record_type, names=names, separator=",", ts_end=TS_END)

    assert made(1_024) is not None
    assert made(1_025) is None


@pytest.mark.parametrize(
    ("cells", "separator", "error"),
    [
        ("\0", b",", TypeError),
        (b"\0", ",", TypeError),
        (b"", b",", ValueError),
        (b"\0" * 1_025, b",", ValueError),
        (b"\0", b"", ValueError),
        (b"\0", b",,", ValueError),
        (b"\0", b"\n", ValueError),
        (b"\0", b"\0", ValueError),
        (b"\0", b'"', ValueError),
    ],
)
def test_cells_that_cannot_be_read_are_refused(
    cells: object, separator: object, error: type[Exception]
) -> None:
    assert native.ilp_of_csv is not None
    with pytest.raises(error):
        native.ilp_of_csv(b"\n", FIELDS, b"t", 1, 0, 1, (), cells, separator)  # type: ignore[arg-type]
