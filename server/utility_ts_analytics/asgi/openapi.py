"""The OpenAPI 3.1 document of a running service: its ports, routes, limits, records and answers.

Everything in it is taken from what the code itself goes by: record types, errors, limits. Tests
hold it to the service's answers (`tests/process/test_openapi.py`).
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from utility_ts_analytics import __version__
from utility_ts_analytics.asgi.openapi_answers import (
    CACHE_HEADER,
    FOREIGN_HOST,
    OTHER_ERRORS,
    ingest_answers,
    problem_answers,
)
from utility_ts_analytics.asgi.openapi_schemas import (
    Position,
    RecordOfStream,
    Schema,
    answer_schemas,
    record_name,
    record_schemas,
    reference,
)
from utility_ts_analytics.asgi.request import ENCODING_NAMES, JSON_TYPES, NDJSON_TYPES
from utility_ts_analytics.asgi.types import IngestLimits
from utility_ts_analytics.records.streams import StreamSpec

OPENAPI_VERSION = "3.1.0"

_DESCRIPTION = """\
Takes electric-utility readings and stores each exactly once. A 200 means stored, an error names
the line, and posting a body again is always safe.

Other paths of a port get 404, other methods of a path 405 (see `components.responses`). What is
not HTTP/1.1 gets 400, 414 or 431 without a document, or a closed connection."""

_INGEST_DESCRIPTION = """\
Absent, or with curl's default form type, the `Content-Type` is taken as the route's own. With
`Expect: 100-continue`, token, types, length and room are judged before the body is asked for."""

_PAGES: dict[str, tuple[str, str, Schema]] = {
    "/": ("The status page.", "text/html", {"type": "string"}),
    "/metrics": ("All metrics, for Prometheus.", "text/plain", {"type": "string"}),
    "/healthz": (
        "Whether the service's processes run; says nothing of the database.",
        "application/json",
        {"type": "object", "properties": {"status": {"const": "ok"}}, "required": ["status"]},
    ),
    "/readyz": (
        "Whether readings are being stored, and why not.",
        "application/json",
        {"allOf": [reference("Readiness")], "properties": {"ready": {"const": True}}},
    ),
    "/status.json": ("What is known of the service.", "application/json", {"type": "object"}),
    "/openapi.json": ("This document.", "application/json", {"type": "object"}),
}


@dataclass(frozen=True, slots=True)
class DescribedStream:
    """One stream's port, as configured.

    Attributes:
        spec: The stream.
        url: Where it is served, without a path.
        limits: Of one request.
        guarded: Whether a bearer token is needed.
        strict: Whether the first bad line ends a request that does not say.
        allow_negative: Whether energy and power below zero are readings.
    """

    spec: StreamSpec
    url: str
    limits: IngestLimits
    guarded: bool
    strict: bool
    allow_negative: bool

    @property
    def name(self) -> str:
        """Name of the stream, as in its paths."""
        return self.spec.name

    def record(self) -> RecordOfStream:
        """Return what one line is."""
        return self.spec, self.spec.type_for(allow_negative=self.allow_negative)


def openapi_document(
    streams: Sequence[DescribedStream], operations_url: str, operations_paths: Sequence[str]
) -> Schema:
    """Return the document as plain JSON values.

    Args:
        streams: Every stream, in the order of the document.
        operations_url: Where the operations port is served, without a path.
        operations_paths: What it serves; each must be known here.
    """
    others = problem_answers(OTHER_ERRORS, "Problem")
    return {
        "openapi": OPENAPI_VERSION,
        "info": {
            "title": "Utility readings into QuestDB",
            "version": __version__,
            "description": _DESCRIPTION,
        },
        "servers": [_server(operations_url, "operations")],
        "tags": [
            *({"name": stream.name} for stream in streams),
            {"name": "operations", "description": "A port of its own; read only."},
        ],
        "paths": {
            **{path: item for stream in streams for path, item in _stream_paths(stream).items()},
            **{path: _page(path) for path in operations_paths},
        },
        "components": {
            "schemas": {
                **record_schemas([stream.record() for stream in streams]),
                **answer_schemas(),
            },
            "responses": {"NotFound": others["404"], "MethodNotAllowed": others["405"]},
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "Where the stream has one or more tokens.",
                }
            },
        },
    }


def _server(url: str, description: str) -> Schema:
    return {"url": url, "description": description}


def _stream_paths(stream: DescribedStream) -> Schema:
    record = reference(record_name(stream.spec))
    lines = {
        "schema": {
            "type": "string",
            "description": "One JSON object per line, as `x-item-schema` has it; any length.",
        },
        "x-item-schema": record,
    }
    array = {"schema": {"anyOf": [{"type": "array", "items": record}, record]}}
    return {
        f"/ingest/{stream.name}/ndjson": {
            "servers": [_server(stream.url, stream.name)],
            "post": _ingest(
                stream,
                "line",
                "Store readings, one per line, however many; streamed.",
                dict.fromkeys(sorted(NDJSON_TYPES), lines),
            ),
        },
        f"/ingest/{stream.name}": {
            "servers": [_server(stream.url, stream.name)],
            "post": _ingest(
                stream,
                "index",
                "Store an array of readings, or one, held in memory until complete.",
                dict.fromkeys(sorted(JSON_TYPES), array),
            ),
        },
    }


def _ingest(stream: DescribedStream, position: Position, summary: str, content: Schema) -> Schema:
    return {
        "operationId": f"{stream.name}_{'ndjson' if position == 'line' else 'array'}",
        "tags": [stream.name],
        "summary": summary,
        "description": _INGEST_DESCRIPTION,
        "security": [{"token": []}] if stream.guarded else [],
        "parameters": [
            _parameter("strict", "The first bad record ends the request.", stream.strict),
            _parameter("validate_only", "Check everything, store nothing.", default=False),
            {
                "name": "Content-Encoding",
                "in": "header",
                "description": "How the body is compressed.",
                "schema": {"enum": [name for name in ENCODING_NAMES if name]},
            },
        ],
        # An empty body is one without a line; an array must be there.
        "requestBody": {"required": position == "index", "content": content},
        "responses": ingest_answers(position),
        # Under the names that the answers call them by; 0 is none.
        "x-limits": dataclasses.asdict(stream.limits),
    }


def _parameter(name: str, description: str, default: bool) -> Schema:
    return {
        "name": name,
        "in": "query",
        "description": description,
        "schema": {"type": "boolean", "default": default},
    }


def _page(path: str) -> Schema:
    summary, media_type, schema = _PAGES[path]
    responses: Schema = {
        "200": {
            "description": summary,
            "headers": CACHE_HEADER,
            "content": {media_type: {"schema": schema}},
        },
        **problem_answers([FOREIGN_HOST], "Problem"),
    }
    if path == "/readyz":
        unready = {"allOf": [reference("Readiness")], "properties": {"ready": {"const": False}}}
        responses["503"] = {
            "description": "Not ready; the reasons say why.",
            "headers": CACHE_HEADER,
            "content": {media_type: {"schema": unready}},
        }
    name = path.strip("/").partition(".")[0] or "page"
    operation: Schema = {"tags": ["operations"], "summary": summary, "security": []}
    bare = {status: {**answer, "content": {}} for status, answer in responses.items()}
    return {
        "get": {"operationId": name, **operation, "responses": responses},
        "head": {"operationId": f"{name}_head", **operation, "responses": bare},
    }
