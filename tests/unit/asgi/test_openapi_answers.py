"""Schemas say of a record what its decoder says, and of an answer what is sent; each error once."""

from datetime import UTC, datetime

import jsonschema
import msgspec
import pytest

from utility_ts_analytics.asgi.openapi import record_schema
from utility_ts_analytics.asgi.openapi_answers import (
    ARRAY_ERRORS,
    INGEST_ERRORS,
    answer_schemas,
    ingest_answers,
    problem_answers,
)
from utility_ts_analytics.reading.ndjson import NdjsonDecoder
from utility_ts_analytics.records.reading import fields_of
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.records.validation import PARSE_CODES, RULE_CODES, TS_END

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
    good = {"ts": "2024-01-01T00:00:00Z"} | {
        field.name: "x" if field.kind == "text" else 1.5
        for field in fields_of(record_type)
        if field.is_required and field.name != "ts"
    }
    record = {**good, **{names.get(name, name): value for name, value in change.items()}}
    schema = record_schema(spec, allow_negative=allow_negative)
    decoded = NdjsonDecoder(spec, record_type).decode_texts(
        [msgspec.json.encode(record)], [1], ts_end=TS_END, size_bytes=0, plain=True
    )
    assert jsonschema.Draft202012Validator(schema).is_valid(record) == (not decoded.errors)


@pytest.mark.parametrize("stream", list(STREAMS))
def test_every_field_has_its_meaning(stream: str) -> None:
    spec = STREAMS[stream]
    schema = record_schema(spec, allow_negative=True)
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


def test_only_arrays_are_refused_for_not_being_json() -> None:
    def codes(position: object) -> list[str]:
        answer = ingest_answers("line" if position == "line" else "index")["400"]
        schema = answer["content"]["application/problem+json"]["schema"]
        return list(schema["properties"]["code"]["enum"])

    assert "invalid-json" not in codes("line")
    assert set(codes("index")) == {*codes("line"), "invalid-json"}


def test_every_error_is_listed_once_and_no_status_twice() -> None:
    for errors in (INGEST_ERRORS, ARRAY_ERRORS):
        codes = [error.code for error in errors]
        assert len(set(codes)) == len(codes)
        answers = problem_answers(errors, "Problem")
        listed = [
            code
            for answer in answers.values()
            for code in answer["content"]["application/problem+json"]["examples"]
        ]
        assert listed == codes


def test_errors_of_one_answer_agree_on_whether_to_try_again() -> None:
    for error in ARRAY_ERRORS:
        same = [other for other in ARRAY_ERRORS if other.status == error.status]
        assert {other.retryable for other in same} == {error.retryable}
        assert {tuple(other.headers) for other in same} == {tuple(error.headers)}
