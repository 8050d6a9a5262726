"""The document that the service serves, and requests made from it: each answer is as documented."""

import itertools
import json
from collections.abc import Mapping
from typing import Any

import jsonschema
import openapi_spec_validator
import pytest
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.result import Ok
from tests.process.conftest import ATTACKED_TOKEN
from tests.process.raw_http import JSON, NDJSON, Answer, Connection, ask, post
from tests.process.running_service import MakeId, RunningService
from tests.process.sample_readings import reading_lines

from utility_ts_analytics.records.streams import STREAMS

pytestmark = [pytest.mark.process, pytest.mark.questdb]

EXAMPLES = 20
"""Requests per operation and kind of data."""

TOKEN = {"Authorization": f"Bearer {ATTACKED_TOKEN}"}
ALIASES = ("application/ndjson", "application/jsonl")
CHECK_NAMES = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
)
"""All that make sense here. `negative_data_rejection` and `positive_data_acceptance` do not: a bad
record among good ones is a 200, and no schema says of a time that it must be of this century."""


@pytest.fixture(scope="module")
def document(attacked: RunningService) -> Mapping[str, Any]:
    answer = attacked.ask_operations("/openapi.json")
    assert (answer.status, answer.headers["content-type"]) == (200, JSON)
    found: Mapping[str, Any] = json.loads(answer.body)
    return found


def test_served_document_is_valid_and_names_the_ports(
    document: Mapping[str, Any], attacked: RunningService
) -> None:
    openapi_spec_validator.OpenAPIV31SpecValidator(document).validate()
    for stream in STREAMS:
        [server] = document["paths"][f"/ingest/{stream}"]["servers"]
        assert server["url"] == f"http://127.0.0.1:{attacked.ports.of(stream)}"
    assert ATTACKED_TOKEN not in json.dumps(document)


def assert_documented(
    document: Mapping[str, Any], path: str, answer: Answer, operation: str = "post"
) -> str:
    """Hold one answer to the document, and return its code, or its ack."""
    described = document["paths"][path][operation]["responses"][str(answer.status)]
    media_type = answer.headers["content-type"]
    schema = {**described["content"][media_type]["schema"], "components": document["components"]}
    body = json.loads(answer.body)
    jsonschema.Draft202012Validator(schema).validate(body)
    # The document leaves room for more members; the service sends those it names, and no other.
    assert set(body) <= (members(schema, document) or set(body))
    for name, header in described["headers"].items():
        assert not header["required"] or name.lower() in answer.headers, name
    return str(body.get("code", body.get("ack")))


def members(schema: Mapping[str, Any], document: Mapping[str, Any]) -> set[str]:
    """Return the names of all members that a schema and those it refers to speak of."""
    found = set(schema.get("properties", {}))
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        found |= members(document["components"]["schemas"][name], document)
    for part in schema.get("allOf", []):
        found |= members(part, document)
    return found


def test_each_answer_that_is_easily_had_is_documented(
    document: Mapping[str, Any], attacked: RunningService, make_id: MakeId
) -> None:
    good = reading_lines(make_id("m"), 2)
    array, lines = "/ingest/meter_usage", "/ingest/meter_usage/ndjson"
    guarded = "/ingest/generation_output"
    gzip = {"content-encoding": "gzip"}
    requests: list[tuple[str, str, bytes, Mapping[str, str]]] = [
        ("committed", lines, good, {}),
        ("committed", lines, b"bad\n" + good, {}),
        ("committed", lines, b"", {}),
        ("committed", array, b"[]", {}),
        ("validated", f"{lines}?validate_only=true", good, {}),
        ("nothing-accepted", lines, b"bad\n", {}),
        ("nothing-accepted", array, b"[{}]", {}),
        ("invalid-json", array, b"{", {}),
        ("strict-rejected", f"{lines}?strict=true", b"bad\n", {}),
        ("truncated-body", lines, b"\x1f\x8b", gzip),
        ("invalid-encoding", array, b"no gzip", gzip),
        ("unknown-parameter", f"{array}?x=1", good, {}),
        ("unauthorized", guarded, b"[]", {}),
        ("unsupported-media-type", lines, good, {"content-type": "text/csv"}),
        ("unsupported-encoding", lines, good, {"content-encoding": "br"}),
        ("body-too-large", array, b" " * 11_000_000, {}),
    ]
    for code, path, body, headers in requests:
        route = path.partition("?")[0]
        port = attacked.ports.of(route.split("/")[2])
        answer = post(port, path, body, {"content-type": "", **headers})
        assert assert_documented(document, route, answer) == code
    with Connection(attacked.ports.meter_usage) as silent:
        silent.send_head(lines, {"content-length": "5"})
        assert assert_documented(document, lines, silent.answer()) == "body-timeout"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/status.json", "/openapi.json"])
def test_pages_of_the_operations_port_are_documented(
    path: str, document: Mapping[str, Any], attacked: RunningService
) -> None:
    assert_documented(document, path, attacked.ask_operations(path), "get")


@pytest.mark.parametrize(
    ("name", "path", "method"),
    [("NotFound", "/elsewhere", "GET"), ("MethodNotAllowed", "/ingest/meter_usage", "PUT")],
)
def test_other_paths_and_methods_are_documented(
    name: str, path: str, method: str, document: Mapping[str, Any], attacked: RunningService
) -> None:
    described = document["components"]["responses"][name]
    paths = {path: {"post": {"responses": {"404": described, "405": described}}}}
    answer = ask(attacked.ports.meter_usage, path, method=method)
    assert_documented({**document, "paths": paths}, path, answer)


def lines_of(schema: Mapping[str, Any]) -> st.SearchStrategy[bytes]:
    """Return NDJSON bodies: records that the schema of the stream allows, and what it does not."""
    texts = st.text(max_size=8)
    values = {
        "string": texts,
        "number": st.floats(-1, 1e9) | st.sampled_from([-0.0, 1e308, 5e-324]),
        "date-time": st.datetimes(timezones=st.just(None)).map(lambda ts: f"{ts.isoformat()}Z"),
    }
    fields: dict[str, st.SearchStrategy[object]] = {}
    for name, field in schema["properties"].items():
        kind = field.get("anyOf", [field])[0]
        fields[name] = values[kind.get("format", kind["type"])] | st.none()
    good = {
        name: fields[name].filter(lambda value: value is not None) for name in schema["required"]
    }
    others = {name: fields[name] for name in fields if name not in good}
    records = st.fixed_dictionaries(good, optional=others).map(json.dumps).map(str.encode)
    odd = st.sampled_from([b"", b"\r", b"null", b"{", b"[[[[", b"\xff", b"\x00", b'{"ts":', b"NaN"])
    line = records | records | records | odd | st.binary(max_size=20)
    return st.lists(line, max_size=8).map(b"\n".join)


@pytest.mark.parametrize(
    ("stream", "mode"),
    [
        *itertools.product(STREAMS, GenerationMode),
        ("operations", GenerationMode.POSITIVE),  # it takes nothing that could be wrong
    ],
)
def test_generated_requests_are_answered_as_documented(
    stream: str, mode: GenerationMode, document: Mapping[str, Any], attacked: RunningService
) -> None:
    load_all_checks()
    checks: Any = [CHECKS.get_one(name) for name in CHECK_NAMES]
    port = attacked.ports.operations
    if stream != "operations":
        port = attacked.ports.of(stream)
        record = STREAMS[stream].record_type.__name__
        body = lines_of(document["components"]["schemas"][record])
        schemathesis.openapi.media_type(NDJSON, body, aliases=ALIASES)
    schema = schemathesis.openapi.from_dict(dict(document))
    tried = 0
    for result in schema.include(tag=stream).get_all_operations():
        assert isinstance(result, Ok), result
        operation = result.ok()

        @seed(6)
        @settings(
            max_examples=EXAMPLES,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(operation.as_strategy(generation_mode=mode))
        def answered_as_documented(case: schemathesis.Case[Any]) -> None:
            nonlocal tried
            tried += 1
            case.call_and_validate(
                base_url=f"http://127.0.0.1:{port}",
                headers=TOKEN if stream == "generation_output" else {},
                checks=checks,
            )

        answered_as_documented()
    assert tried >= 4
