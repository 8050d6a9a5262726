"""Each text that is clearly something else is called by its name, and no other text is.

Only names of a closed set are given back, and the answer asks whether they are meant.
"""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utility_ts_analytics.reading import wrong_formats
from utility_ts_analytics.reading.line_errors import invalid_utf8, malformed
from utility_ts_analytics.reading.wrong_formats import of_missing
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.records.validation import RowError

RECORD = b'{"ts":"2024-05-01T00:00:00Z","meter_id":"m-1","kwh":1.5}'
UNKNOWN = [
    b"nonsense",
    b"not json",
    b"bad, worse",
    b"{1:2}",
    b'{"kwh":1,}',
    b'{"kwh":01}',
    b'{"kwh":1, 5}',
    b'{"meter_id":"1",5}',
    b'{"a":1}}',
    b'"text" "text"',
    RECORD[:-4],
    b"=",
    b"a = b",
    b"a .json",
    b"\x00\x00",
    b"@",
]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"\x1f\x8b\x08\x00", wrong_formats.GZIP),
        (b"\x28\xb5\x2f\xfd\x04", wrong_formats.ZSTD),
        (b"PK\x03\x04\x14", wrong_formats.ZIP),
        (b"PAR1\x15\x04", wrong_formats.PARQUET),
        (RECORD.decode().encode("utf-16-le"), wrong_formats.UTF_16),
        (RECORD.decode().encode("utf-16-be"), wrong_formats.UTF_16),
        (RECORD.decode().encode("utf-16"), wrong_formats.UTF_16),
        (b"\0" + RECORD.decode().encode("utf-16-le"), wrong_formats.UTF_16),  # a line behind \n\0
        (b"\xef\xbb\xbf" + RECORD, wrong_formats.LATE_MARK),
        (b"<?xml version='1.0'?>", wrong_formats.XML),
        (b"<feed>", wrong_formats.XML),
        (b"ts,meter_id,kwh\r\n", wrong_formats.CSV),
        (b'"ts";"meter id";"kwh"', wrong_formats.CSV),
        (b"2024-05-01T00:00:00Z,m-1,1.5", wrong_formats.CSV),
        (b"ts\tmeter_id\tkwh", wrong_formats.CSV),
        (b"2024-05-01 00:00|m-1|1.5", wrong_formats.CSV),
        (b"ts=2024-05-01T00:00:00Z&meter_id=m-1&kwh=1.5", wrong_formats.FORM),
        (b"kwh=1.5", wrong_formats.FORM),
        (b"%7B%22ts%22%3A1", wrong_formats.URL_ENCODED),
        (b"%5b%7b", wrong_formats.URL_ENCODED),
        (b"@readings.ndjson", wrong_formats.FILE_NAME),
        (b"@readings", wrong_formats.FILE_NAME),
        (b"readings.ndjson", wrong_formats.FILE_NAME),
        (b"./2024/Readings.JSONL.gz\n", wrong_formats.FILE_NAME),
        (RECORD + RECORD, wrong_formats.SEVERAL),
        (RECORD + b" \n" + RECORD, wrong_formats.SEVERAL),
        (b"[1][2]", wrong_formats.SEVERAL),
        (RECORD + b",\r\n", wrong_formats.BEFORE_COMMA),
        (RECORD + b"]", wrong_formats.BEFORE_COMMA),
        (b'  "ts": "2024-05-01T00:00:00Z",', wrong_formats.PIECE),
        (b'"a, b, c": 1', wrong_formats.PIECE),
        (b"}", wrong_formats.PIECE),
        (b"  },\n", wrong_formats.PIECE),
        (b"]", wrong_formats.PIECE),
        (b"{'ts': '2024-05-01T00:00:00Z'}", wrong_formats.QUOTES),
        (b"'{ts:1}'", wrong_formats.QUOTES),
        (b"{\"ts\": '2024'}", wrong_formats.QUOTES),
        (b"{ts:2024-05-01T00:00:00Z,meter_id:m-1}", wrong_formats.QUOTES),
        (b'{"ts":"2024",kwh:1}', wrong_formats.QUOTES),
        (RECORD.replace(b"1.5", b"1,5"), wrong_formats.DECIMAL_COMMA),
        (RECORD.replace(b"1.5", b" -1234,50"), wrong_formats.DECIMAL_COMMA),
        (b"[" + RECORD.replace(b"1.5", b"0,5") + b"]", wrong_formats.DECIMAL_COMMA),
        (RECORD.replace(b"1.5", b"NaN"), wrong_formats.NO_NUMBER),
        (RECORD.replace(b"1.5", b"nan"), wrong_formats.NO_NUMBER),
        (RECORD.replace(b"1.5", b"inf"), wrong_formats.NO_NUMBER),
        (RECORD.replace(b"1.5", b"Infinity"), wrong_formats.NO_NUMBER),
        (RECORD.replace(b"1.5", b"-Infinity"), wrong_formats.NO_NUMBER),
        (RECORD.replace(b"1.5", b"None"), wrong_formats.PYTHON),
        (RECORD.replace(b"1.5", b"True"), wrong_formats.PYTHON),
        (RECORD.replace(b"1.5", b"False"), wrong_formats.PYTHON),
    ],
)
def test_text_that_is_clearly_something_else_is_named(text: bytes, sentence: str) -> None:
    detail = malformed(text)
    assert detail is not None
    if sentence in wrong_formats.PLACED:
        assert detail.startswith(f"{sentence} near byte ")
    else:
        assert detail == sentence


@pytest.mark.parametrize("text", UNKNOWN)
def test_text_that_may_be_anything_is_not_named(text: bytes) -> None:
    detail = malformed(text)
    assert detail is not None
    assert detail.startswith(("the text stops being JSON near byte", "the text ends before"))


@given(
    st.binary(max_size=60) | st.text("{}[],:'\"=&@.<%\\ \tnaNITF0\n", max_size=40).map(str.encode)
)
def test_any_text_gets_one_of_the_known_sentences_or_none(text: bytes) -> None:
    """No exception, nothing of the text in the sentence, and valid JSON is left alone."""
    detail = malformed(text)
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except msgspec.DecodeError:
        assert detail is not None
        sentences = {value for value in vars(wrong_formats).values() if isinstance(value, str)}
        assert detail.partition(" near byte ")[0] in sentences or detail.startswith("the text ")
    else:
        assert detail is None
    assert wrong_formats.of_torn_line(text) in (
        None,
        wrong_formats.PIECE,
        wrong_formats.ARRAY_BEGINS,
    )
    assert wrong_formats.of_no_object(text) in (
        None,
        wrong_formats.ARRAY,
        wrong_formats.JSON_IN_TEXT,
    )
    assert wrong_formats.of_bad_utf8(text) in (None, wrong_formats.WINDOWS_1252)
    assert (wrong_formats.of_incomplete(text) or wrong_formats.LIST_INSIDE).endswith(
        wrong_formats.LIST_INSIDE
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b" [1]", wrong_formats.ARRAY),
        (b'"{\\"ts\\":1}"', wrong_formats.JSON_IN_TEXT),
        (b'"\\n [1]"', wrong_formats.JSON_IN_TEXT),
        (b'"text"', None),
        (b"17", None),
        (b"null", None),
    ],
)
def test_value_that_is_no_object_is_named(text: bytes, sentence: str | None) -> None:
    assert wrong_formats.of_no_object(text) == sentence
    assert wrong_formats.of_no_object(msgspec.Raw(text)) == sentence


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b'{"results":[{"kwh":1}]}', "its member `results` is a list of objects"),
        (b'{"next":null,"data" : [\n {}]}', "its member `data` is a list of objects"),
        (b'{"data":{"readings":[{}]}}', "its member `readings` is a list of objects"),
        (b'{"s3cret":[{"kwh":1}]}', "one of its members is a list of objects"),
        (b'{"tags":[1,2],"data":[{}]}', "its member `data` is a list of objects"),
        (b'{"data":[]}', None),
        (b'{"data":[1]}', None),
        (b'{"data":[[{}]]}', None),
        (b'{"note":"\\"data\\":[{"}', None),
        (b'{"x":"' + b"x" * wrong_formats.HEAD_BYTES + b'","data":[{}]}', None),
        (b'{"x":' + b"[[{" * 400, None),
    ],
)
def test_list_inside_an_object_is_named_by_known_names_only(
    text: bytes, sentence: str | None
) -> None:
    assert wrong_formats.of_incomplete(text) == sentence
    assert wrong_formats.of_incomplete(msgspec.Raw(text)) == sentence


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        (b"\x1f\x8b\x08\x00", "the text is gzip data"),
        (b"\xff\xfe{\0", "the text is UTF-16 and must be UTF-8 (`iconv -f UTF-16 -t UTF-8`)"),
        (b'{"x":"\xff"}', "the text is not UTF-8"),
        (b'{"x":"Gr\xf6\xdfe"}', wrong_formats.WINDOWS_1252),
        (b'{"x":"Caf\xe9"}', wrong_formats.WINDOWS_1252),
        ('{"x":"\u00c4rger"}'.encode("cp1252"), wrong_formats.WINDOWS_1252),
        (b'{"x":"caf\xc3"}', "the text is not UTF-8"),  # a letter of UTF-8, cut
        (b'{"x":"12\xb0C"}', "the text is not UTF-8"),
    ],
)
def test_text_that_is_not_utf8_is_named_where_it_is_known(text: bytes, detail: str) -> None:
    assert invalid_utf8(3, text) == RowError(3, "invalid-utf8", None, detail)


# Records that lack a field.


@pytest.mark.parametrize(
    ("field", "text", "name"),
    [
        ("ts", b'{"timestamp":1}', "timestamp"),
        ("ts", b'{"TimeStamp":1,"Timestamp":1}', "Timestamp"),
        ("ts", b'{"date_time":1}', "date_time"),
        ("ts", b'{"intervalStart":1}', "intervalStart"),
        ("meter_id", b'{"meter":"m","id":5}', "meter"),
        ("meter_id", b'{"meterID":"m"}', "meterID"),
        ("meter_id", b'{"METER_ID":[{"x":1}]}', "METER_ID"),
        ("meter_id", b'{"meter-id":null}', "meter-id"),
        ("kwh", b'{"kW\\u0068":1}', "kWh"),
        ("kwh", b'{"value":1,"KWH":2}', "KWH"),
        ("plant_id", b'{"plantId":"p"}', "plantId"),
        ("mw", b'{"MW":"p"}', "MW"),
    ],
)
def test_usual_spelling_of_a_field_is_asked_about(field: str, text: bytes, name: str) -> None:
    assert of_missing(text, field) == f"is its member `{name}` meant?"
    assert of_missing(msgspec.Raw(text), field) == f"is its member `{name}` meant?"


@pytest.mark.parametrize(
    ("field", "text", "stream"),
    [
        ("meter_id", b'{"ts":1,"plant_id":"p","mw":1}', "generation_output"),
        ("meter_id", b'{"meter":1,"plant_id":"p"}', "generation_output"),
        ("plant_id", b'{"ts":1,"meter_id":"p","kwh":1}', "meter_usage"),
    ],
)
def test_record_of_the_other_stream_is_told(field: str, text: bytes, stream: str) -> None:
    assert of_missing(text, field) == f"this is a record of {stream}"


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("ts", b"{}"),
        ("ts", b'{"plant_id":1,"mw":2}'),
        ("kwh", b'{"plant_id":"p","mw":2,"meter_id":"m"}'),
        ("kwh", b'{"s3cret":1,"kwh ":1}'),
        ("kwh", b'{"x":{"kWh":1}}'),
        ("kwh", b"[1]"),
        ("kwh", b'{"kWh":'),
        ("kwh", b'{"x":' + b"[" * 100_000),
        ("kwh", b'{"x":"' + b"x" * 1_024 + b'","kWh":1}'),
        ("elsewhere", b'{"kWh":1}'),
    ],
)
def test_record_without_such_names_is_left_alone(field: str, text: bytes) -> None:
    assert of_missing(text, field) is None


@given(
    st.dictionaries(st.text("kWhmetrID_", max_size=9), st.integers(), max_size=6),
    st.sampled_from([name for spec in STREAMS.values() for name in spec.required]),
)
def test_name_that_is_given_back_is_one_of_the_record(members: dict[str, int], field: str) -> None:
    members.pop(field, None)
    known = of_missing(msgspec.json.encode(members), field)
    if known is not None and known.startswith("is its member"):
        assert known.split("`")[1] in members
