"""Every message of the decoder has a code, a field and a sentence of ours."""

import msgspec
import pytest

from utility_ts_analytics.reading.diagnosis import diagnose, malformed
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.records.validation import RowError

SPEC = STREAMS["meter_usage"]
TS = '"ts":"2024-05-01T00:00:00Z"'
ID = '"meter_id":"m-1"'
FOREIGN = "s3cret"


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
        (f'{{{TS},{ID},"kwh":-1}}', "negative-value", "kwh", "kwh must not be negative"),
        (f'{{{TS},{ID},"kwh":-1e-9}}', "negative-value", "kwh", "kwh must not be negative"),
        (f'{{{TS},{ID},"kwh":"s3cret"}}', "wrong-type", "kwh", "kwh must be a number"),
        (f'{{{TS},{ID},"kwh":null}}', "wrong-type", "kwh", "kwh must be a number"),
        (f'{{{TS},{ID},"kwh":true}}', "wrong-type", "kwh", "kwh must be a number"),
        (f'{{{TS},{ID},"kwh":[1]}}', "wrong-type", "kwh", "kwh must be a number"),
        (f'{{{TS},{ID},"kwh":{{"s3cret":1}}}}', "wrong-type", "kwh", "kwh must be a number"),
        (
            f'{{{TS},{ID},"kwh":1,"kvarh":"s3cret"}}',
            "wrong-type",
            "kvarh",
            "kvarh must be a number or null",
        ),
        (f'{{{TS},"meter_id":1,"kwh":1}}', "wrong-type", "meter_id", "meter_id must be text"),
        (f'{{{TS},"meter_id":null,"kwh":1}}', "wrong-type", "meter_id", "meter_id must be text"),
        (
            f'{{{TS},{ID},"kwh":1,"premise_id":1.5}}',
            "wrong-type",
            "premise_id",
            "premise_id must be text or null",
        ),
        (
            f'{{{TS},{ID},"kwh":1,"event_id":5}}',
            "wrong-type",
            "event_id",
            "event_id must be text or null",
        ),
        (f'{{"ts":1714521600,{ID},"kwh":1}}', "wrong-type", "ts", "ts must be an RFC 3339 text"),
        (f'{{"ts":1.5,{ID},"kwh":1}}', "wrong-type", "ts", "ts must be an RFC 3339 text"),
        (f'{{"ts":null,{ID},"kwh":1}}', "wrong-type", "ts", "ts must be an RFC 3339 text"),
        ("[]", "wrong-type", None, "a record must be a JSON object"),
        ('["s3cret"]', "wrong-type", None, "a record must be a JSON object"),
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
            "ts must have an offset",
        ),
        *(
            (
                f'{{"ts":"{ts}",{ID},"kwh":1}}',
                "invalid-timestamp",
                "ts",
                "ts must be an RFC 3339 time with an offset",
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
        ("{}{}", "the text stops being JSON near byte 3, counted from 0"),
        ('{"kwh":NaN}', "the text stops being JSON near byte 7, counted from 0"),
        ('{"kwh":-Infinity}', "the text stops being JSON near byte 8, counted from 0"),
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
    ]
    for text in texts:
        assert FOREIGN not in repr(fail(text.encode()))


def test_well_formed_text_is_not_malformed() -> None:
    assert malformed(b' {"a": [1, 2.5e3, "\\u00e9", null]} \r\n') is None
