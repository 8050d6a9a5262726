"""The answers of the OpenAPI document: one entry per status, one example per error code."""

from collections.abc import Sequence
from itertools import groupby

from utility_ts_analytics.asgi.openapi_schemas import (
    Position,
    Schema,
    problem_name,
    reference,
    summary_name,
)
from utility_ts_analytics.asgi.responses import PROBLEM_MEDIA_TYPE, problem_document
from utility_ts_analytics.errors import (
    BodyTimeout,
    BodyTooLarge,
    ClientError,
    DecompressedTooLarge,
    Draining,
    ForeignOrigin,
    InternalError,
    InvalidEncoding,
    InvalidJson,
    MethodNotAllowed,
    NotFound,
    NothingAccepted,
    Overloaded,
    SchemaMissing,
    SinkUnavailable,
    StrictRejected,
    TableSuspended,
    TooManyDays,
    TooManyErrors,
    TooManyRecords,
    TruncatedBody,
    Unauthorized,
    UnknownParameter,
    UnsupportedEncoding,
    UnsupportedMediaType,
)

_EXAMPLE_ID = "0f8a3c5d7e9b4a6c8d0e1f2a3b4c5d6e"

INGEST_ERRORS: Sequence[ClientError] = (
    StrictRejected("line 17: wrong-type: kwh must be a number"),
    TruncatedBody("the connection ended before the body was complete"),
    InvalidEncoding("cannot decompress the body: it is not gzip in its first member"),
    UnknownParameter("the query parameters are: strict, validate_only"),
    TooManyDays("the readings lie on more than 2000 different days (max_request_days)"),
    TooManyErrors(
        "more than 10000 records were refused, and fewer were valid (max_request_errors)"
    ),
    Unauthorized("the Authorization header carries no valid bearer token"),
    ForeignOrigin("pages of this origin may not post here (allowed_origins)"),
    BodyTimeout("no byte of the body came for 30000 ms (body_idle_timeout_ms)"),
    BodyTooLarge("the body is over 10485760 bytes (max_body_bytes)"),
    TooManyRecords("the body has more than 1000000 records (max_request_records)"),
    DecompressedTooLarge(
        "cannot take the body: decompressed, it is over 1073741824 bytes (max_decompressed_bytes)"
    ),
    UnsupportedMediaType("the Content-Type of this route must be one of: application/json"),
    UnsupportedEncoding("Content-Encoding must be identity, gzip or zstd"),
    NothingAccepted("every line was refused; `errors` says why"),
    Overloaded("the worker holds as much as it may just now", 2),
    InternalError(f"the log has more under request id {_EXAMPLE_ID}"),
    SinkUnavailable("the rows were not settled in time", 5),
    TableSuspended("the table meter_usage is suspended", 5),
    SchemaMissing("the table meter_usage is missing", 5),
    Draining("the service is stopping and the body was not complete in time", 1),
)
"""One of each that both routes of a stream may answer with, by status."""

ARRAY_ERRORS: Sequence[ClientError] = (
    InvalidJson("cannot read the body: the text ends before its JSON does"),
    *INGEST_ERRORS,
)
"""The same for arrays, which are refused as a whole where they are not JSON."""

OTHER_ERRORS: Sequence[ClientError] = (
    NotFound("post readings to /ingest/meter_usage/ndjson or /ingest/meter_usage"),
    MethodNotAllowed("readings are posted", "POST"),
)
"""What other paths and methods get, on every port."""

FOREIGN_HOST: ClientError = ForeignOrigin(
    "this port answers only to its own hosts (metrics.allowed_hosts)"
)
"""What every path of the operations port answers where another host was asked for."""

CACHE_HEADER: Schema = {"Cache-Control": {"schema": {"const": "no-store"}, "required": True}}
_ERROR_HEADERS = {
    "allow": ("Allow", {"type": "string"}),
    "retry-after": ("Retry-After", {"type": "integer", "minimum": 1}),
    "www-authenticate": ("WWW-Authenticate", {"type": "string"}),
}


def ingest_answers(position: Position) -> Schema:
    """Return the answers of one ingest route by status."""
    errors = INGEST_ERRORS if position == "line" else ARRAY_ERRORS
    return {
        "200": _taken(position, "Every accepted row reached the level that `ack` names."),
        "202": _taken(
            position, "QuestDB is away: the rows wait in the spool, where the stream has one."
        ),
        **problem_answers(errors, problem_name(position)),
    }


def _taken(position: Position, description: str) -> Schema:
    content = {"application/json": {"schema": reference(summary_name(position))}}
    return {"description": description, "headers": CACHE_HEADER, "content": content}


def problem_answers(errors: Sequence[ClientError], schema_name: str) -> Schema:
    """Return one answer per status, with every code of that status and an example of each.

    Args:
        errors: One of each code, those of one status next to each other.
        schema_name: What their documents are.
    """
    return {
        str(status): _problem_answer(list(same), schema_name)
        for status, same in groupby(errors, key=lambda error: error.status)
    }


def _problem_answer(errors: Sequence[ClientError], schema_name: str) -> Schema:
    first = errors[0]
    members: Schema = {
        "status": {"const": first.status},
        "code": {"enum": [error.code for error in errors]},
        "retryable": {"const": first.retryable},
    }
    headers = dict(CACHE_HEADER)
    for name in first.headers:
        title, schema = _ERROR_HEADERS[name]
        headers[title] = {"schema": schema, "required": True}
    return {
        "description": "; ".join(error.title for error in errors) + ".",
        "headers": headers,
        "content": {
            PROBLEM_MEDIA_TYPE: {
                "schema": {"allOf": [reference(schema_name)], "properties": members},
                "examples": {
                    error.code: {"value": _example(error, schema_name)} for error in errors
                },
            }
        },
    }


def _example(error: ClientError, schema_name: str) -> Schema:
    counts = {"parse_errors": 0, "rejected": 0, "errors": [], "errors_truncated": False}
    extra = {} if schema_name == "Problem" else counts
    if isinstance(error, NothingAccepted):
        position = "line" if schema_name == problem_name("line") else "index"
        fault = {position: 1, "code": "missing-field", "field": "ts", "detail": "ts is required"}
        extra = {**counts, "parse_errors": 1, "errors": [fault]}
    return {**problem_document(error, request_id=_EXAMPLE_ID), **extra}
