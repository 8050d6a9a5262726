"""JSON Schemas for the OpenAPI document: records from their types, answers as they are sent.

A record type says in its annotations what its fields must be and in its docstring what they mean;
both end up here, so that a further stream needs nothing in this module.
"""

import inspect
import re
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from utility_ts_analytics.reading.summary import ERRORS_LISTED_MAX
from utility_ts_analytics.records.reading import Reading
from utility_ts_analytics.records.streams import StreamSpec
from utility_ts_analytics.records.validation import PARSE_CODES, RULE_CODES, TS_END, TS_MIN

Schema = dict[str, Any]
"""A part of an OpenAPI document: plain JSON values."""

Position = Literal["line", "index"]
"""What errors are numbered by: lines from 1 for NDJSON, elements from 0 for arrays."""

RecordOfStream = tuple[StreamSpec, type[Reading]]
"""A stream, and which of its record types it takes."""

REFERENCE = "#/components/schemas/{name}"

_NO_NUL = "^[^\\u0000]*$"
_FIELD = re.compile(r"^    (\w+): (.*(?:\n {5,}.*)*)", re.MULTILINE)


def reference(name: str) -> Schema:
    """Return a reference to a schema of the document."""
    return {"$ref": REFERENCE.format(name=name)}


def record_name(spec: StreamSpec) -> str:
    """Return the name of the schema of a stream's record, negative values allowed or not."""
    return spec.record_type.__name__


def record_schemas(records: Sequence[RecordOfStream]) -> dict[str, Schema]:
    """Return the schema of each stream's record, by `record_name`."""
    return {record_name(spec): _record(spec, record_type) for spec, record_type in records}


def _record(spec: StreamSpec, record_type: type[Reading]) -> Schema:
    _, schemas = msgspec.json.schema_components([record_type], ref_template=REFERENCE)
    schema: Schema = schemas[record_type.__name__]
    meanings = _meanings(record_type)
    schema["title"] = record_name(spec)
    schema["description"] = (
        f"{inspect.cleandoc(spec.record_type.__doc__ or '').splitlines()[0]} Unknown fields are"
        f" ignored. One row per {', '.join(spec.dedup_keys)}: the last one counts."
    )
    for name, field in schema["properties"].items():
        field["description"] = meanings[name]
        for kind in field.get("anyOf", [field]):
            if kind["type"] == "string" and "format" not in kind:
                kind["pattern"] = _NO_NUL
    schema["properties"]["ts"]["description"] += (
        f" From {TS_MIN:%Y-%m-%d} up to, not including, {TS_END:%Y-%m-%d} (UTC)."
    )
    schema["properties"]["event_id"]["description"] = (
        "A UUID is kept, other text is hashed into one; absent, it follows from the content."
    )
    return schema


def _meanings(record_type: type[Reading]) -> dict[str, str]:
    """Return what the docstrings of the type and its bases say of each field."""
    found: dict[str, str] = {}
    for kind in reversed(record_type.__mro__):
        text = inspect.cleandoc(kind.__doc__ or "") if issubclass(kind, Reading) else ""
        for name, meaning in _FIELD.findall(text.partition("Attributes:\n")[2]):
            found[name] = " ".join(meaning.split())
    return found


def answer_schemas() -> dict[str, Schema]:
    """Return the schemas of all answers, by name."""
    schemas = {"Problem": _problem(), "Readiness": _readiness()}
    for position in ("line", "index"):
        schemas[error_name(position)] = _row_error(position)
        schemas[summary_name(position)] = _summary(position)
        schemas[problem_name(position)] = {
            "description": "A problem, with what had become of the body's records by then.",
            "allOf": [
                reference("Problem"),
                _object(_counts(position), list(_counts(position))),
            ],
            "properties": {"ack": _ACK},
        }
    return schemas


def error_name(position: Position) -> str:
    """Return the name of the schema of one listed error."""
    return {"line": "LineError", "index": "ElementError"}[position]


def summary_name(position: Position) -> str:
    """Return the name of the schema of a 200."""
    return {"line": "LinesSummary", "index": "ArraySummary"}[position]


def problem_name(position: Position) -> str:
    """Return the name of the schema of a refusal by an ingest route."""
    return {"line": "LinesProblem", "index": "ArrayProblem"}[position]


_COUNT: Schema = {"type": "integer", "minimum": 0}
_REQUEST_ID: Schema = {
    "type": "string",
    "pattern": "^[0-9a-f]{32}$",
    "description": "Stands in the log, too.",
}
_ACK: Schema = {
    "enum": ["committed", "enqueued", "spooled", "validated"],
    "description": (
        "What is promised of the accepted rows: committed in QuestDB's write-ahead log, held in"
        " this process, synced to this machine's disk, or only found valid."
    ),
}


def _object(properties: Schema, required: Sequence[str]) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required)}


def _row_error(position: Position) -> Schema:
    first = 1 if position == "line" else 0
    properties: Schema = {
        position: {"type": "integer", "minimum": first, "description": f"Counted from {first}."},
        "code": {"enum": sorted(PARSE_CODES | RULE_CODES)},
        "field": {"type": "string", "description": "The field at fault, if one is."},
        "detail": {"type": "string", "description": "A sentence; never a value of the record."},
    }
    return _object(properties, [position, "code", "detail"])


def _counts(position: Position) -> Schema:
    return {
        "parse_errors": {**_COUNT, "description": "Records that are none."},
        "rejected": {**_COUNT, "description": "Records that break a rule."},
        "errors": {
            "type": "array",
            "items": reference(error_name(position)),
            "maxItems": ERRORS_LISTED_MAX,
            "description": "The first of them, in order.",
        },
        "errors_truncated": {"type": "boolean", "description": "There were more."},
    }


def _summary(position: Position) -> Schema:
    properties = {
        "accepted": {**_COUNT, "description": "Rows that reached the level that `ack` names."},
        **_counts(position),
        "ack": _ACK,
        "request_id": _REQUEST_ID,
    }
    return _object(properties, list(properties))


def _problem() -> Schema:
    properties: Schema = {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "Never holds a payload or a token."},
        "code": {"type": "string", "description": "One of a closed set."},
        "retryable": {"type": "boolean", "description": "Whether the same may be sent again."},
        "accepted": {**_COUNT, "description": "Rows that are stored all the same."},
        "request_id": _REQUEST_ID,
    }
    problem = _object(properties, list(properties))
    return {"description": "A problem document (RFC 9457).", **problem}


def _readiness() -> Schema:
    properties: Schema = {
        "ready": {"type": "boolean"},
        "reasons": {"type": "array", "items": {"type": "string"}},
        "warnings": {"type": "array", "items": {"type": "string"}},
    }
    return _object(properties, list(properties))
