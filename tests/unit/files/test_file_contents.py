"""Files are known by what is in them; what is not read is named with the way out."""

import json
from pathlib import PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.files.format_rig import SAMPLES

from utility_ts_analytics.files.file_contents import HEAD_BYTES, recognised
from utility_ts_analytics.files.file_kinds import FILE_KINDS, NAMES, NO_KIND, FileKind

CSV = b"ts,meter_id,kwh\n2024-01-01T00:00:00Z,m,1\n"
NDJSON = b'{"ts":"2024-01-01T00:00:00Z"}\n{"ts":"2024-01-01T00:15:00Z"}\n'
ATOM = b'<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom">'
ESPI = ATOM + b'<entry><content><UsagePoint xmlns="http://naesb.org/espi"/>'
UNB = b"UNB+UNOC:3+1:500+2:500+240101:0101+X'"
ZIP = b"PK\x03\x04\x14\x00\x00\x00\x08\x00" + bytes(16)


@pytest.mark.parametrize(
    ("name", "head", "kind"),
    [
        # A mark that nothing else has decides, whatever the name says.
        ("r.csv", b"PAR1\x15\x04", "parquet"),
        ("r", b"ARROW1\x00\x00", "arrow"),
        ("r.csv", b"100,NEM12,202404080900,MDP1,R1\n", "nem12"),
        ("gb.txt", ESPI, "espi"),
        ("gb.xml", b"\xef\xbb\xbf\n" + ESPI, "espi"),
        ("gb.xml", ESPI.decode().encode("utf-16"), "espi"),
        ("gb.xml", b'<espi:IntervalBlock xmlns:espi="http://naesb.org/espi">', "espi"),
        ("values.txt", UNB + b"UNH+1+MSCONS:D:04B:UN:2.4c'", "mscons"),
        ("values.csv", b"UNA:+.? '" + UNB + b"\r\nUNH+1?+1+MSCONS:D:04B'", "mscons"),
        ("v", b"UNA;|,! ~UNB|UNOC;3|1|2|240101;0101|X~UNH|1|MSCONS;D;04B~", "mscons"),
        ("r.csv", ZIP + b"[Content_Types].xml", "workbook"),
        ("r.xlsx", ZIP + b"docProps/app.xml", "workbook"),
        ("r", ZIP + b"readings.csv", "zip"),
        # JSON by its first bytes; NDJSON is several objects, or one where the name says so.
        ("r.json", b'[{"a": 1}]', "json"),
        ("r.json", b"[", "json"),
        ("r.ndjson", b'[\n  {"a": 1}\n]', "json"),
        ("r", b' \n[{"a":1}]', "json"),
        ("r.json", NDJSON, "ndjson"),
        ("r.csv", NDJSON, "ndjson"),
        ("r", NDJSON, "ndjson"),
        ("r.json", b'{"a": [1]}', "json"),
        ("r.json", b'{"a": [\n1]}', "json"),
        ("r", b'{\n "a": [1]}', "json"),
        ("r.ndjson", b'{\n "a": [1]}', "json"),
        ("r", b'{"a": [1]}\n', "ndjson"),
        ("r.ndjson", b'{"a": 1}', "ndjson"),
        ("r.ndjson", b'{"a": 1\n{"a": 2}\n', "ndjson"),
        ("r.ndjson", b"broken\n{}\n", "ndjson"),
        ("r.json", b'{"a": "' + b"x" * HEAD_BYTES, "json"),
        # Between kinds of text, the name decides.
        ("r.csv", CSV, "csv"),
        ("r.csv", b"[kWh],a\n1,2\n", "csv"),
        ("r.csv", b"{x},a\n1,2\n", "csv"),
        ("r.dat.gz", CSV, "psv"),
        ("R.TSV.ZST", CSV, "tsv"),
        ("r.nem12", b"200,NMI,E1\n", "nem12"),
        # Nothing to look at: the name.
        ("r.xml", b"", "espi"),
        ("r.zip", b"", "zip"),
    ],
)
def test_files_are_known(name: str, head: bytes, kind: FileKind) -> None:
    found = recognised(PurePath("year", name), head)
    assert (found.kind, found.reason) == (kind, "")


@pytest.mark.parametrize(
    ("name", "head", "reason"),
    [
        (
            "r.xml",
            b"<?xml version='1.0'?><rows/>",
            "is XML, but no Green Button (ESPI)",
        ),
        ("r.xml", ATOM + b"<entry/>", "is XML, but no Green Button (ESPI)"),
        ("r.csv", b"\n<!DOCTYPE html><html>", "is a web page"),
        ("v.edi", UNB + b"UNH+1+UTILMD:D:11A:UN:5.2e'", "is EDIFACT with UTILMD messages"),
        ("v.edi", UNB + b"UNZ+0+X'", "is EDIFACT without a message"),
        ("v.edi", CSV, "does not begin as its name says (mscons)"),
        ("r.parquet", CSV, "does not begin as its name says (parquet)"),
        ("r.zip", CSV, "does not begin as its name says (zip)"),
        ("r.xml", CSV, "does not begin as its name says (espi)"),
        ("r.json", CSV, "does not begin as its name says (json)"),
        ("README.txt", b"About these files.\n", NO_KIND),
        ("readings", CSV, NO_KIND),
        ("readings", b"", NO_KIND),
        ("r.xls", b"\xd0\xcf\x11\xe0\xa1\xb1", "is an old Excel workbook (.xls)"),
        ("r.xlsx", ZIP + b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet", "OpenDocument"),
        ("r.xlsx", ZIP + b"[Content_Types].xml xl/workbook.bin", "is a binary workbook (.xlsb)"),
        ("r.docx", ZIP + b"[Content_Types].xml word/document.xml", "is a Word document"),
        ("r.csv.gz", b"\x1f\x8b\x08", "is still packed with gzip"),
        ("r.csv", b"BZh91AY&SY", "is compressed with bzip2"),
        ("r.csv", b"%PDF-1.7\n", "is a PDF"),
        ("r.csv", b"PARE", "is encrypted Parquet"),
        ("r.csv", CSV.decode().encode("utf-16"), "is UTF-16"),
        ("r.csv", CSV.decode().encode("utf-16-le"), "is UTF-16"),
        ("r.csv", bytes(range(1, 256)) * 2, "is no text but binary data"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_files_that_are_not_read_are_named(name: str, head: bytes, reason: str) -> None:
    found = recognised(PurePath(name), head)
    assert found.kind is None
    assert reason in found.reason


@pytest.mark.parametrize(
    ("sample", "kind"),
    [("green-button.xml", "espi"), ("two-files.zip", "zip"), ("nem12.csv", "nem12")],
)
def test_samples_are_known_without_their_names(sample: str, kind: FileKind) -> None:
    head = (SAMPLES / sample).read_bytes()[:HEAD_BYTES]
    assert recognised(PurePath("export"), head).kind == kind


def test_every_kind_has_a_name() -> None:
    assert set(NAMES.values()) == set(FILE_KINDS)


@given(st.binary(max_size=200), st.sampled_from([*NAMES, "", ".txt", ".csv.gz"]))
def test_any_bytes_are_a_kind_or_have_a_reason(head: bytes, suffix: str) -> None:
    found = recognised(PurePath(f"r{suffix}"), head)
    assert (found.kind is None) == bool(found.reason)


@given(st.lists(st.dictionaries(st.text(), st.text() | st.integers()), min_size=2, max_size=5))
def test_lines_of_objects_are_ndjson_under_any_name(records: list[dict[str, object]]) -> None:
    head = "\n".join(map(json.dumps, records)).encode()
    for name in ("r", "r.json", "r.ndjson", "r.csv"):
        assert recognised(PurePath(name), head).kind == "ndjson"
