"""Every message of the decoder has a code, a field and a sentence of ours."""

import msgspec
import pytest

from utility_ts_analytics.reading.line_errors import diagnose, malformed, over_long
from utility_ts_analytics.reading.lines import LongLine
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.records.validation import RowError

SPEC = STREAMS["meter_usage"]
TS = '"ts":"2024-05-01T00:00:00Z"'
ID = '"meter_id":"m-1"'
FOREIGN = "s3cret"
EXAMPLE = "such as 2024-01-01T00:00:00+01:00"
NEGATIVE = "kwh must not be negative unless source.allow_negative = true"


def fail(text: bytes) -> RowError:
    """Diagnose what the real decoder says about `text`."""
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError, RecursionError)) as caught:
        msgspec.json.Decoder(SPEC.record_type).decode(text)
    return diagnose(text, caught.value, 7)


@pytest.mark.parametrize(
    ("text", "code", "field", "detail"),
    [
        ("{}", "missing-field", "ts", "ts is required"),
        (f"{{{TS},{ID}}}", "missing-field", "kwh", "kwh is required"),
        (f'{{{ID},"kwh":1,"s3cret":1}}', "missing-field", "ts", "ts is required"),
        (f'{{{TS},{ID},"kwh":1e999}}', "invalid-number", "kwh", "kwh must fit a 64-bit float"),
        (
            f'{{{TS},{ID},"kwh":1,"kvarh":-1e999}}',
            "invalid-number",
            "kvarh",
            "kvarh must fit a 64-bit float",
        ),
        (
            f'{{{TS},{ID},"kwh":{"9" * 400}}}',
            "invalid-number",
            "kwh",
            "kwh must fit a 64-bit float",
        ),
        (f'{{{TS},{ID},"kwh":-1}}', "negative-value", "kwh", NEGATIVE),
        (f'{{{TS},{ID},"kwh":-1e-9}}', "negative-value", "kwh", NEGATIVE),
        (
            f'{{{TS},{ID},"kwh":"s3cret"}}',
            "wrong-type",
            "kwh",
            "kwh must be a number, without quotes",
        ),
        (f'{{{TS},{ID},"kwh":null}}', "wrong-type", "kwh", "kwh must be a number"),
        (f'{{{TS},{ID},"kwh":true}}', "wrong-type", "kwh", "kwh must be a number"),
        (f'{{{TS},{ID},"kwh":[1]}}', "wrong-type", "kwh", "kwh must be a number"),
        (f'{{{TS},{ID},"kwh":{{"s3cret":1}}}}', "wrong-type", "kwh", "kwh must be a number"),
        (
            f'{{{TS},{ID},"kwh":1,"kvarh":"s3cret"}}',
            "wrong-type",
            "kvarh",
            "kvarh must be a number, without quotes, or null",
        ),
        (
            f'{{{TS},{ID},"kwh":1,"kvarh":[]}}',
            "wrong-type",
            "kvarh",
            "kvarh must be a number or null",
        ),
        (
            f'{{{TS},{ID},"kwh":1,"premise_id":true}}',
            "wrong-type",
            "premise_id",
            "premise_id must be text or null",
        ),
        *(
            (
                f'{{{TS},"meter_id":{number},"kwh":1}}',
                "wrong-type",
                "meter_id",
                "meter_id must be text, in double quotes",
            )
            for number in ("1", "1.5", "1e30")
        ),
        (f'{{{TS},"meter_id":null,"kwh":1}}', "wrong-type", "meter_id", "meter_id must be text"),
        (
            f'{{{TS},{ID},"kwh":1,"premise_id":1.5}}',
            "wrong-type",
            "premise_id",
            "premise_id must be text, in double quotes, or null",
        ),
        (
            f'{{{TS},{ID},"kwh":1,"event_id":5}}',
            "wrong-type",
            "event_id",
            "event_id must be text, in double quotes, or null",
        ),
        (
            f'{{"ts":1714521600,{ID},"kwh":1}}',
            "wrong-type",
            "ts",
            f"ts must be an RFC 3339 text, {EXAMPLE}",
        ),
        (
            f'{{"ts":1.5,{ID},"kwh":1}}',
            "wrong-type",
            "ts",
            f"ts must be an RFC 3339 text, {EXAMPLE}",
        ),
        (
            f'{{"ts":null,{ID},"kwh":1}}',
            "wrong-type",
            "ts",
            f"ts must be an RFC 3339 text, {EXAMPLE}",
        ),
        ("[]", "wrong-type", None, "a record must be a JSON object, not an array"),
        ('["s3cret"]', "wrong-type", None, "a record must be a JSON object, not an array"),
        ("17", "wrong-type", None, "a record must be a JSON object"),
        ("1.5", "wrong-type", None, "a record must be a JSON object"),
        ("null", "wrong-type", None, "a record must be a JSON object"),
        ("true", "wrong-type", None, "a record must be a JSON object"),
        ('"s3cret"', "wrong-type", None, "a record must be a JSON object"),
        (
            f'{{{TS},"meter_id":"","kwh":1}}',
            "text-length",
            "meter_id",
            "meter_id must not be empty",
        ),
        (
            f'{{{TS},"meter_id":"{"s" * 257}","kwh":1}}',
            "text-length",
            "meter_id",
            "meter_id must not be over 256 characters",
        ),
        (
            f'{{{TS},{ID},"kwh":1,"premise_id":"{"é" * 257}"}}',
            "text-length",
            "premise_id",
            "premise_id must not be over 256 characters",
        ),
        (
            f'{{"ts":"2024-05-01T00:00:00",{ID},"kwh":1}}',
            "invalid-timestamp",
            "ts",
            f"ts must have an offset, {EXAMPLE}",
        ),
        *(
            (
                f'{{"ts":"{ts}",{ID},"kwh":1}}',
                "invalid-timestamp",
                "ts",
                f"ts must be an RFC 3339 time with an offset, {EXAMPLE}",
            )
            for ts in (
                "s3cret",
                "",
                "2024-05-01",
                "2024-02-30T00:00:00Z",
                "2024-05-01T24:00:00Z",
                "2024-05-01T23:59:60Z",
                "0000-01-01T00:00:00Z",
                "9999-12-31T23:59:59.9999999Z",
                "2024-05-01T00:00:00+24:00",
            )
        ),
    ],
)
def test_each_decoder_message_has_its_code(
    text: str, code: str, field: str | None, detail: str
) -> None:
    error = fail(text.encode())
    assert (error.position, error.code, error.field, error.detail) == (7, code, field, detail)


ENDS = "the text ends before its JSON does"


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        (f"{{{TS},{ID}", ENDS),
        ("", ENDS),
        ('{"s3cret', ENDS),
        ("nonsense", "the text stops being JSON near byte 1, counted from 0"),
        ("{1:2}", "the text stops being JSON near byte 1, counted from 0"),
        ("{}{}", "a second JSON value stands behind the first"),
        ("{}x", "the text stops being JSON near byte 2, counted from 0"),
        ('{"kwh":NaN}', "NaN and Infinity are not JSON near byte 7, counted from 0"),
        ('{"kwh":-Infinity}', "NaN and Infinity are not JSON near byte 8, counted from 0"),
        ('{"kwh":1,5}', "a number has a decimal point and no comma near byte 9, counted from 0"),
        ('{"kwh":01}', "the text stops being JSON near byte 8, counted from 0"),
        ('{"kwh":1,}', "the text stops being JSON near byte 9, counted from 0"),
        ('{"x":"\x00"}', "the text stops being JSON near byte 6, counted from 0"),
        ('{"x":"\\ud800 and on"}', "the text stops being JSON near byte 12, counted from 0"),
    ],
)
def test_malformed_text_is_invalid_json(text: str, detail: str) -> None:
    assert fail(text.encode()) == RowError(7, "invalid-json", None, detail)


def test_torn_line_is_invalid_json_although_a_type_was_wrong_before_the_tear() -> None:
    error = fail(f'{{{TS},{ID},"kwh":"x","premise'.encode())
    assert (error.code, error.detail) == ("invalid-json", ENDS)


@pytest.mark.parametrize("lead", [b"", b'{"unknown":'])
def test_deep_nesting_is_invalid_json(lead: bytes) -> None:
    error = fail(lead + b"[" * 100_000)
    assert (error.code, error.detail) == ("invalid-json", "the text is nested too deeply")


def test_recursion_that_only_the_typed_decoder_ran_into_is_invalid_json() -> None:
    error = diagnose(b"{}", RecursionError(), 1)
    assert (error.code, error.detail) == ("invalid-json", "the text is nested too deeply")


def test_bad_utf8_in_a_known_field_is_invalid_utf8() -> None:
    error = fail(f'{{{TS},"meter_id":"'.encode() + b'\xff","kwh":1}')
    assert (error.code, error.field, error.detail) == (
        "invalid-utf8",
        None,
        "the text is not UTF-8",
    )


@pytest.mark.parametrize(
    "message", ["Something new", "Something new - at `$.kwh`", "Expected `set`, got `int`", "a\nb"]
)
def test_unknown_decoder_message_is_our_fault(message: str) -> None:
    with pytest.raises(AssertionError, match="a decoder message is not known"):
        diagnose(b"{}", msgspec.ValidationError(message), 1)


def test_no_detail_holds_anything_of_the_record() -> None:
    texts = [
        f'{{{TS},{ID},"kwh":"{FOREIGN}"}}',
        f'{{{TS},{ID},"{FOREIGN}":1}}',
        f'{{"ts":"{FOREIGN}",{ID},"kwh":1}}',
        f'{{"{FOREIGN}":{FOREIGN}}}',
        f'{{{TS},{ID},"kwh":1,"premise_id":["{FOREIGN}"]}}',
        f'{{"{FOREIGN}":[{{"{FOREIGN}":"{FOREIGN}"}}]}}',
        f'["{FOREIGN}"]',
        f'"{{{FOREIGN}}}"',
        f"{FOREIGN},{FOREIGN},{FOREIGN}",
        f"{FOREIGN}={FOREIGN}",
        f"@{FOREIGN}.json",
        f"<{FOREIGN}/>",
        f"{{'{FOREIGN}':1}}",
        f'{{}} {{"{FOREIGN}":1}}',
    ]
    for text in texts:
        assert FOREIGN not in repr(fail(text.encode()))


def test_well_formed_text_is_not_malformed() -> None:
    assert malformed(b' {"a": [1, 2.5e3, "\\u00e9", null]} \r\n') is None


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        (b"[", "a JSON array begins here"),
        (b'[{"kwh":1},\r\n', "a JSON array begins here"),
        (b" {\n", "this is only a piece of a JSON document"),
        (b'{"kwh":1', ENDS),
    ],
)
def test_line_that_begins_a_document_is_told_from_a_torn_one(text: bytes, detail: str) -> None:
    assert fail(text) == RowError(7, "invalid-json", None, detail)
    assert malformed(text) == ENDS  # a whole body that ends there is torn


def test_object_with_the_records_inside_is_told() -> None:
    assert fail(b'{"count":1,"results":[{"kwh":1}]}') == RowError(
        7, "missing-field", "ts", "ts is required; its member `results` is a list of objects"
    )


def test_member_that_may_be_meant_for_a_missing_field_is_told() -> None:
    error = fail(f'{{{TS},{ID},"kWh":1}}'.encode())
    assert error == RowError(
        7, "missing-field", "kwh", "kwh is required; is its member `kWh` meant?"
    )


@pytest.mark.parametrize(
    ("head", "more"),
    [
        (b'[{"ts":"2024-05-01T0', ": a JSON array begins here"),
        (b'{"kwh":1}{"kwh":2}{"kw', ": a second JSON value stands behind the first"),
        (b"\x1f\x8b\x08\x00\x00", ": the text is gzip data"),
        (b'{"kwh":1,"x":"aaaaaaaa', ""),
        (b"aaaaaaaaaa", ""),
        (b"{}", ""),
        (b"", ""),
    ],
)
def test_line_over_the_bound_is_named_where_it_is_known(head: bytes, more: str) -> None:
    assert over_long(LongLine(4, head), 1_000) == RowError(
        4, "line-too-long", None, f"the line is over 1000 bytes (max_line_bytes){more}"
    )
