"""Blocks are asked for what the decoder lets through; both versions of the question agree."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utility_ts_analytics.reading.decoder_gaps import (
    error_of_offset,
    needs_closer_look,
    needs_plain_path,
)
from utility_ts_analytics.records import native
from utility_ts_analytics.records.validation import IS_TIME, RowError

BLANKS = [chr(code) for code in range(0x110000) if chr(code).isspace()]
PIECES = [
    *(b":00", b".5", b"+0100", b"-0000", b"+01:00", b'"', b" ", b"\\", b"0", b"12", b"a", b","),
    *(b"\xc2\xa0", "東".encode(), b"m-0001", b"zone3-0042", b"x" * 1_100, b"-", b"T"),
]


@pytest.mark.parametrize("offset", [b"+0100", b"-0000", b"+2359"])
@pytest.mark.parametrize("second", [b":00", b":59.1", b":00.123456789"])
def test_offset_without_its_colon_is_odd_and_misspelt(second: bytes, offset: bytes) -> None:
    text = b'{"ts":"2024-01-01T00:00' + second + offset + b'","x":1}'
    assert needs_plain_path(text)
    assert error_of_offset(text, 3) == RowError(3, "invalid-timestamp", "ts", f"ts {IS_TIME}")


@pytest.mark.parametrize(
    "escaped", [rb"\u002b0100", rb"+\u00301\u00300", rb"\u002D0100", rb"+010\u0030"]
)
def test_offset_that_is_escaped_is_odd_as_well(escaped: bytes) -> None:
    text = b'{"ts":"2024-01-01T00:00:00' + escaped + b'"}'
    assert needs_plain_path(text)
    assert error_of_offset(text, 1) is not None


@pytest.mark.parametrize("offset", [b"Z", b"+01:00", b"z", b"-00:00"])
def test_times_of_rfc3339_and_texts_like_offsets_are_not_odd(offset: bytes) -> None:
    text = b'{"ts":"2024-01-01T00:00:00' + offset + b'","meter_id":"m-0001","p":"zone3+0042"}\n'
    assert not needs_plain_path(text * 50)
    assert error_of_offset(text, 1) is None


@pytest.mark.parametrize("blank", BLANKS, ids=lambda blank: f"{ord(blank):04x}")
@pytest.mark.parametrize("before", ["", " ", "\u3000", "\t"])
def test_texts_of_blanks_are_odd_in_every_way_to_write_them(blank: str, before: str) -> None:
    written = {f"\\u{ord(blank):04x}", f"\\u{ord(blank):04X}"}
    short = {"\t": r"\t", "\n": r"\n", "\r": r"\r", "\f": r"\f"}
    written |= {short[blank]} if blank in short else set()
    written |= {blank} if blank >= " " else set()
    for text in written:
        lead = r"\t" if before == "\t" else before
        assert needs_plain_path(f'{{"meter_id":"{lead}{text}"}}'.encode()), text


def test_other_texts_beyond_ascii_and_escapes_are_not_odd() -> None:
    for text in ("é", "東京", "メーター", "a\u00a0b", r"a\tb\n", r"C:\\meters\\1", r"\"quoted\""):
        assert not needs_plain_path(f'{{"meter_id": "{text}", "kwh" : 1}}'.encode()), text


@settings(max_examples=2_000)
@given(st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join))
def test_compiled_and_plain_version_agree(data: bytes) -> None:
    if native.needs_closer_look is None:
        pytest.skip("installed without the compiled module")
    assert native.needs_closer_look(data) is needs_closer_look(data)


@pytest.mark.parametrize("wrong", [None, "text", 1])
def test_compiled_version_takes_bytes_only(wrong: object) -> None:
    if native.needs_closer_look is None:
        pytest.skip("installed without the compiled module")
    with pytest.raises(TypeError):
        native.needs_closer_look(wrong)  # type: ignore[arg-type]  # on purpose
