"""Schemas say of a record what its decoder says, and of an answer what is sent."""

from datetime import UTC, datetime

import jsonschema
import msgspec
import pytest

from utility_ts_analytics.asgi.openapi_schemas import answer_schemas, record_name, record_schemas
from utility_ts_analytics.reading.ndjson import NdjsonDecoder
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.records.validation import PARSE_CODES, RULE_CODES, TS_END

GOOD: dict[str, dict[str, object]] = {
    "meter_usage": {"ts": "2024-01-01T00:00:00Z", "meter_id": "m", "kwh": 1.5},
    "generation_output": {"ts": "2024-01-01T00:00:00Z", "plant_id": "p", "mw": 0},
}
CHANGES: list[dict[str, object]] = [
    {},
    {"unknown": [1]},
    {"event_id": None},
    {"event_id": "x" * 257},
    {"event_id": "a\x00b"},
    {"ts": 5},
    {"KEY": ""},
    {"KEY": "x" * 257},
    {"KEY": 7},
    {"KEY": "a\x00"},
    {"NUMBER": -1},
    {"NUMBER": "1"},
    {"NUMBER": None},
]


@pytest.mark.parametrize("allow_negative", [False, True])
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("stream", list(STREAMS))
def test_schema_and_decoder_agree(
    stream: str, change: dict[str, object], allow_negative: bool
) -> None:
    spec = STREAMS[stream]
    record_type = spec.type_for(allow_negative=allow_negative)
    names = {"KEY": spec.dedup_keys[1], "NUMBER": spec.numbers[0]}
    record = {**GOOD[stream], **{names.get(name, name): value for name, value in change.items()}}
    schema = record_schemas([(spec, record_type)])[record_name(spec)]
    decoded = NdjsonDecoder(spec, record_type).decode_texts(
        [msgspec.json.encode(record)], [1], ts_end=TS_END, size_bytes=0, plain=True
    )
    assert jsonschema.Draft202012Validator(schema).is_valid(record) == (not decoded.errors)


@pytest.mark.parametrize("stream", list(STREAMS))
def test_every_field_has_its_meaning(stream: str) -> None:
    spec = STREAMS[stream]
    schema = record_schemas([(spec, spec.signed_record_type)])[record_name(spec)]
    assert list(schema["properties"]) == list(spec.record_type.__struct_fields__)
    assert all(field["description"] for field in schema["properties"].values())
    assert (
        f"{datetime(2000, 1, 1, tzinfo=UTC):%Y-%m-%d}" in schema["properties"]["ts"]["description"]
    )


def test_listed_errors_have_the_codes_of_the_contract_and_their_own_position() -> None:
    schemas = answer_schemas()
    for name, position, first in (("LineError", "line", 1), ("ElementError", "index", 0)):
        assert set(schemas[name]["properties"]["code"]["enum"]) == PARSE_CODES | RULE_CODES
        assert schemas[name]["properties"][position]["minimum"] == first
