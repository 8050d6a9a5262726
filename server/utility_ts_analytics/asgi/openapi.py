"""The OpenAPI 3.1 document of a running service: its ports, routes, limits, records and answers.

Everything in it comes from what the code itself uses: record types, errors, limits. Tests hold it
to the service's answers (`tests/process/test_attacks_schema.py`).
"""

import dataclasses
import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from utility_ts_analytics import __version__
from utility_ts_analytics.asgi.openapi_answers import (
    CACHE_HEADER,
    FOREIGN_HOST,
    OTHER_ERRORS,
    REFERENCE,
    Position,
    Schema,
    answer_schemas,
    ingest_answers,
    problem_answers,
    reference,
)
from utility_ts_analytics.asgi.request import ENCODING_NAMES, JSON_TYPES, NDJSON_TYPES
from utility_ts_analytics.asgi.settings import IngestLimits
from utility_ts_analytics.records.reading import Reading
from utility_ts_analytics.records.streams import StreamSpec
from utility_ts_analytics.records.validation import TS_END, TS_MIN

OPENAPI_VERSION: Final = "3.1.0"

_NO_NUL: Final = "^[^\\u0000]*$"
_FIELD: Final = re.compile(r"^    (\w+): (.*(?:\n {5,}.*)*)", re.MULTILINE)
"""A field and its meaning in the docstring of a record type."""

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
        ndjson_strict: Whether the first bad line ends a request, unless the request says.
        allow_negative: Whether energy and power below zero are readings.
    """

    spec: StreamSpec
    url: str
    limits: IngestLimits
    guarded: bool
    ndjson_strict: bool
    allow_negative: bool

    @property
    def name(self) -> str:
        """Name of the stream, as in its paths."""
        return self.spec.name


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
                **{
                    record_name(stream.spec): record_schema(
                        stream.spec, allow_negative=stream.allow_negative
                    )
                    for stream in streams
                },
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
            _parameter("strict", "The first bad record ends the request.", stream.ndjson_strict),
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


def record_name(spec: StreamSpec) -> str:
    """Return the name of the schema of a stream's record, negative values allowed or not."""
    return spec.record_type.__name__


def record_schema(spec: StreamSpec, *, allow_negative: bool) -> Schema:
    """Return the schema of a stream's record.

    The record type says in its annotations what its fields must be and in its docstring what they
    mean; both end up here.
    """
    record_type = spec.type_for(allow_negative=allow_negative)
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
