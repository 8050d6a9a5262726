"""The answers in the OpenAPI document: schemas, one entry per status, one example per code."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any, Final, Literal

from utility_ts_analytics import errors
from utility_ts_analytics.asgi.responses import PROBLEM_MEDIA_TYPE, problem_document
from utility_ts_analytics.errors import ClientError
from utility_ts_analytics.reading.summary import ERRORS_LISTED_MAX
from utility_ts_analytics.records.validation import PARSE_CODES, RULE_CODES

Schema = dict[str, Any]
"""A part of an OpenAPI document: plain JSON values."""

Position = Literal["line", "index"]
"""What errors are numbered by: lines from 1 for NDJSON, elements from 0 for arrays."""

REFERENCE = "#/components/schemas/{name}"

_NAMES: Final[dict[Position, dict[str, str]]] = {
    "line": {"error": "LineError", "summary": "LinesSummary", "problem": "LinesProblem"},
    "index": {"error": "ElementError", "summary": "ArraySummary", "problem": "ArrayProblem"},
}
"""Names of the schemas that differ between lines and elements."""

_EXAMPLE_ID = "0f8a3c5d7e9b4a6c8d0e1f2a3b4c5d6e"

INGEST_ERRORS: Sequence[ClientError] = (
    errors.StrictRejected("line 17: wrong-type: kwh must be a number"),
    errors.TruncatedBody("the connection ended before the body was complete"),
    errors.InvalidEncoding("cannot decompress the body: it is not gzip in its first member"),
    errors.UnknownParameter("the query parameters are: strict, validate_only"),
    errors.TooManyDays("the readings lie on more than 2000 different days (max_request_days)"),
    errors.TooManyErrors(
        "more than 10000 records were refused, and fewer were valid (max_request_errors)"
    ),
    errors.Unauthorized("the Authorization header carries no valid bearer token"),
    errors.ForeignOrigin("pages of this origin may not post here (allowed_origins)"),
    errors.BodyTimeout("no byte of the body came for 30000 ms (body_idle_timeout_ms)"),
    errors.BodyTooLarge("the body is over 10485760 bytes (max_body_bytes)"),
    errors.TooManyRecords("the body has more than 1000000 records (max_request_records)"),
    errors.DecompressedTooLarge(
        "cannot take the body: decompressed, it is over 1073741824 bytes (max_decompressed_bytes)"
    ),
    errors.UnsupportedMediaType("the Content-Type of this route must be one of: application/json"),
    errors.UnsupportedEncoding("Content-Encoding must be identity, gzip or zstd"),
    errors.NothingAccepted("every line was refused; `errors` says why"),
    errors.Overloaded("the worker holds as much as it may just now", 2),
    errors.InternalError(f"the log has more under request id {_EXAMPLE_ID}"),
    errors.SinkUnavailable("the rows were not settled in time", 5),
    errors.TableSuspended("the table meter_usage is suspended", 5),
    errors.SchemaMissing("the table meter_usage is missing", 5),
    errors.Draining("the service is stopping and the body was not complete in time", 1),
)
"""Every error that both routes of a stream may answer with, by status."""

ARRAY_ERRORS: Sequence[ClientError] = (
    errors.InvalidJson("cannot read the body: the text ends before its JSON does"),
    *INGEST_ERRORS,
)
"""Every error of the array route, which refuses a body as a whole if it is not JSON."""

OTHER_ERRORS: Sequence[ClientError] = (
    errors.NotFound("post readings to /ingest/meter_usage/ndjson or /ingest/meter_usage"),
    errors.MethodNotAllowed("readings are posted: use POST (curl -T: add -X POST)", "POST"),
)
"""The errors of other paths and methods, on every port."""

FOREIGN_HOST: ClientError = errors.ForeignOrigin(
    "this port answers only to its own hosts (metrics.allowed_hosts)"
)
"""The error of every path of the operations port where the request names another host."""

CACHE_HEADER: Schema = {"Cache-Control": {"schema": {"const": "no-store"}, "required": True}}
_ERROR_HEADERS = {
    "allow": ("Allow", {"type": "string"}),
    "retry-after": ("Retry-After", {"type": "integer", "minimum": 1}),
    "www-authenticate": ("WWW-Authenticate", {"type": "string"}),
}


def reference(name: str) -> Schema:
    """Return a reference to a schema of the document."""
    return {"$ref": REFERENCE.format(name=name)}


def answer_schemas() -> dict[str, Schema]:
    """Return the schemas of all answers, by name."""
    schemas = {"Problem": _problem(), "Readiness": _readiness()}
    for position in ("line", "index"):
        schemas[_NAMES[position]["error"]] = _row_error(position)
        schemas[_NAMES[position]["summary"]] = _summary(position)
        schemas[_NAMES[position]["problem"]] = {
            "description": "A problem, with what had become of the body's records by then.",
            "allOf": [
                reference("Problem"),
                _object(_counts(position), list(_counts(position))),
            ],
            "properties": {"ack": _ACK},
        }
    return schemas


_COUNT: Schema = {"type": "integer", "minimum": 0}
_REQUEST_ID: Schema = {
    "type": "string",
    "pattern": "^[0-9a-f]{32}$",
    "description": "Stands in the log, too.",
}
_ACK: Schema = {
    "enum": ["committed", "enqueued", "replicated", "spooled", "validated"],
    "description": (
        "What is promised of the accepted rows: committed in QuestDB's write-ahead log, held in"
        " this process, on every in-sync replica of Kafka's log, synced to this machine's disk, or"
        " only found valid."
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
            "items": reference(_NAMES[position]["error"]),
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


def ingest_answers(position: Position) -> Schema:
    """Return the answers of one ingest route by status."""
    expected = INGEST_ERRORS if position == "line" else ARRAY_ERRORS
    return {
        "200": _taken(position, "Every accepted row reached the level that `ack` names."),
        "202": _taken(
            position,
            "`spooled`: QuestDB or Kafka is away, and the rows wait on disk, where the stream has a"
            " spool. `replicated`: the rows are in Kafka's log, from which QuestDB is filled.",
        ),
        **problem_answers(expected, _NAMES[position]["problem"]),
    }


def _taken(position: Position, description: str) -> Schema:
    content = {"application/json": {"schema": reference(_NAMES[position]["summary"])}}
    return {"description": description, "headers": CACHE_HEADER, "content": content}


def problem_answers(given: Sequence[ClientError], schema_name: str) -> Schema:
    """Return one answer per status, with every code of that status and an example of each.

    Args:
        given: One error of each code, grouped by status.
        schema_name: Schema of the documents.
    """
    return {
        str(status): _problem_answer(list(same), schema_name)
        for status, same in groupby(given, key=lambda error: error.status)
    }


def _problem_answer(given: Sequence[ClientError], schema_name: str) -> Schema:
    first = given[0]
    members: Schema = {
        "status": {"const": first.status},
        "code": {"enum": [error.code for error in given]},
        "retryable": {"const": first.retryable},
    }
    headers = dict(CACHE_HEADER)
    for name in first.headers:
        title, schema = _ERROR_HEADERS[name]
        headers[title] = {"schema": schema, "required": True}
    return {
        "description": "; ".join(error.title for error in given) + ".",
        "headers": headers,
        "content": {
            PROBLEM_MEDIA_TYPE: {
                "schema": {"allOf": [reference(schema_name)], "properties": members},
                "examples": {
                    error.code: {"value": _example(error, schema_name)} for error in given
                },
            }
        },
    }


def _example(error: ClientError, schema_name: str) -> Schema:
    counts = {"parse_errors": 0, "rejected": 0, "errors": [], "errors_truncated": False}
    extra = {} if schema_name == "Problem" else counts
    if isinstance(error, errors.NothingAccepted):
        position = "line" if schema_name == _NAMES["line"]["problem"] else "index"
        fault = {position: 1, "code": "missing-field", "field": "ts", "detail": "ts is required"}
        extra = {**counts, "parse_errors": 1, "errors": [fault]}
    return {**problem_document(error, request_id=_EXAMPLE_ID), **extra}
