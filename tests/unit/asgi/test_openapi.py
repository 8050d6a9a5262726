"""The document is valid OpenAPI 3.1, says what the code does, and knows no stream by name."""

import ast
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import openapi_spec_validator
import pytest

from utility_ts_analytics import errors
from utility_ts_analytics.asgi import operations
from utility_ts_analytics.asgi.openapi import DescribedStream, openapi_document
from utility_ts_analytics.asgi.openapi_answers import Schema
from utility_ts_analytics.asgi.settings import IngestLimits
from utility_ts_analytics.config import parse_config
from utility_ts_analytics.errors import ClientError
from utility_ts_analytics.records.reading import Identifier, NonNegative, Reading, Text
from utility_ts_analytics.records.streams import STREAMS, StreamSpec
from utility_ts_analytics.service.assembly import describe

PACKAGE = Path(errors.__file__).parent
TOKEN = "never-to-be-shown"  # noqa: S105
CONFIG = parse_config(
    {
        "meter_usage": {
            "source": {
                "http_bind_addr": "127.0.0.1:17001",
                "max_line_bytes": 4321,
                "auth_bearer_token": TOKEN,
                "ndjson_strict": True,
            }
        },
        "generation_output": {"source": {"allow_negative": True}},
    },
    {},
)
DOCUMENT = describe(CONFIG)
OPERATIONS = {
    (path, method): operation
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
    if method != "servers"
}


def answers_of(document: Schema) -> Iterator[tuple[str, Schema]]:
    """Return every answer with its status, those that belong to no operation among them."""
    for item in document["paths"].values():
        for method, operation in item.items():
            if method != "servers":
                yield from operation["responses"].items()
    yield "404", document["components"]["responses"]["NotFound"]
    yield "405", document["components"]["responses"]["MethodNotAllowed"]


def documented_codes(document: Schema) -> set[tuple[int, str]]:
    return {
        (int(status), code)
        for status, answer in answers_of(document)
        for content in answer["content"].values()
        for code in content["schema"].get("properties", {}).get("code", {}).get("enum", [])
    }


def raised_codes() -> set[tuple[int, str]]:
    """Return status and code of each error that the package's code makes, read from its source."""
    kinds = {
        name: kind
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, ClientError) and hasattr(kind, "code")
    }
    made = set()
    for path in PACKAGE.rglob("*.py"):
        if path.name in ("errors.py", "openapi_answers.py"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                made.add(node.func.id)
            elif isinstance(node, ast.Dict):  # failures become errors by a table
                made |= {value.id for value in node.values if isinstance(value, ast.Name)}
    return {(kind.status, kind.code) for name, kind in kinds.items() if name in made}


def validator(schema: Schema, document: Schema = DOCUMENT) -> jsonschema.Draft202012Validator:
    """Return a validator of a part of the document, whose references start at its root."""
    return jsonschema.Draft202012Validator({**schema, "components": document["components"]})


def test_document_is_valid_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    openapi_spec_validator.OpenAPIV31SpecValidator(DOCUMENT).validate()


def test_document_is_plain_json() -> None:
    assert json.loads(json.dumps(DOCUMENT)) == DOCUMENT


def test_every_code_that_can_be_answered_is_documented_and_no_other() -> None:
    raised = raised_codes()
    assert documented_codes(DOCUMENT) == raised
    assert len(raised) > 20


def test_every_example_is_one_of_what_it_stands_for() -> None:
    seen = set()
    for status, answer in answers_of(DOCUMENT):
        for content in answer["content"].values():
            for code, example in content.get("examples", {}).items():
                validator(content["schema"]).validate(example["value"])
                assert example["value"]["code"] == code
                assert example["value"]["status"] == int(status)
                seen.add((int(status), code))
    assert seen == documented_codes(DOCUMENT)


def test_errors_that_pass_say_when_and_only_they() -> None:
    for status, answer in answers_of(DOCUMENT):
        if "application/problem+json" in answer["content"]:
            assert ("Retry-After" in answer["headers"]) == (status in ("429", "503"))
            assert ("WWW-Authenticate" in answer["headers"]) == (status == "401")
            assert ("Allow" in answer["headers"]) == (status == "405")


def test_paths_are_those_of_the_ports() -> None:
    streams = [f"/ingest/{name}{kind}" for name in STREAMS for kind in ("/ndjson", "")]
    assert list(DOCUMENT["paths"]) == [*streams, *operations.PATHS]
    assert {method for path, method in OPERATIONS if path in streams} == {"post"}
    assert {method for path, method in OPERATIONS if path in operations.PATHS} == {"get", "head"}


def test_servers_are_the_ports_as_configured() -> None:
    urls = {
        path: item["servers"][0]["url"]
        for path, item in DOCUMENT["paths"].items()
        if "servers" in item
    }
    ports = {name: stream.source.bind_address.port for name, stream in CONFIG.streams.items()}
    expected = {name: f"http://localhost:{port}" for name, port in ports.items()}
    expected["meter_usage"] = "http://127.0.0.1:17001"
    assert urls == {
        f"/ingest/{name}{kind}": url for name, url in expected.items() for kind in ("", "/ndjson")
    }
    assert DOCUMENT["servers"][0]["url"] == "http://127.0.0.1:9090"


def test_limits_and_defaults_are_those_of_the_config() -> None:
    operation = OPERATIONS["/ingest/meter_usage/ndjson", "post"]
    assert operation["x-limits"]["max_line_bytes"] == 4321
    assert set(operation["x-limits"]) == {field.name for field in dataclasses.fields(IngestLimits)}
    defaults = {p["name"]: p["schema"].get("default") for p in operation["parameters"]}
    assert (defaults["strict"], defaults["validate_only"]) == (True, False)


def test_token_is_asked_for_where_one_is_set_and_never_shown() -> None:
    security = {path: operation["security"] for (path, _), operation in OPERATIONS.items()}
    assert [path for path, needed in security.items() if needed] == [
        "/ingest/meter_usage/ndjson",
        "/ingest/meter_usage",
    ]
    assert TOKEN not in json.dumps(DOCUMENT)


class WaterLevel(Reading, gc=False, omit_defaults=True, kw_only=True):
    """Level of one reservoir at `ts`.

    Attributes:
        reservoir_id: 1..256 characters.
        level_m: Above the sill, metres,
            as measured.
        note: What a person saw.
    """

    reservoir_id: Identifier
    level_m: NonNegative
    note: Text | None = None


def test_third_stream_appears_by_itself() -> None:
    spec = StreamSpec("water_level", 3, WaterLevel, ("ts", "reservoir_id"))
    limits = IngestLimits(1, 0, 1, 0, 0, 1, 0, 1_000, 0, 1_000)
    stream = DescribedStream(
        spec, "http://h:1", limits, guarded=False, ndjson_strict=False, allow_negative=False
    )
    document = openapi_document([stream], "http://h:2", ["/healthz"])
    openapi_spec_validator.OpenAPIV31SpecValidator(document).validate()
    assert "/ingest/water_level/ndjson" in document["paths"]
    record = document["components"]["schemas"]["WaterLevel"]
    assert record["properties"]["level_m"]["description"] == "Above the sill, metres, as measured."
    assert record["required"] == ["ts", "reservoir_id", "level_m"]
    assert "One row per ts, reservoir_id" in record["description"]


def test_page_that_nobody_described_is_no_document() -> None:
    with pytest.raises(KeyError):
        openapi_document([], "http://h:2", ["/unknown"])
