"""The operations port says what is the case, and its status code says the same."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from utility_ts_analytics.asgi.ops import OpsApp
from utility_ts_analytics.asgi.responses import Json

OPENAPI: Mapping[str, Json] = {"openapi": "3.1.0"}

WARNINGS = ["QuestDB makes tables by itself"]


class FixedFacts:
    def __init__(self, reasons: Sequence[str]) -> None:
        self.reasons = reasons
        self.phases: list[str] = []

    async def startup(self) -> None:
        self.phases.append("startup")

    async def shutdown(self) -> None:
        self.phases.append("shutdown")

    def unready_reasons(self) -> Sequence[str]:
        return self.reasons

    def warnings(self) -> Sequence[str]:
        return WARNINGS

    def metrics(self, accept: str) -> tuple[str, bytes]:
        return f"text/of {accept}", b"metrics 1"

    def status(self) -> Mapping[str, Json]:
        return {"version": "1"}


def get(path: str, reasons: Sequence[str] = (), method: str = "GET") -> tuple[int, Any]:
    sent = exchange(path, reasons, method)
    return sent[0]["status"], json.loads(sent[1]["body"])


def exchange(path: str, reasons: Sequence[str], method: str) -> list[Any]:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope: dict[str, Any] = {"type": "http", "path": path, "method": method}
    scope["headers"] = [(b"accept", b"some")]
    asyncio.run(OpsApp(FixedFacts(reasons), OPENAPI)(scope, receive, send))
    return sent


def test_alive_does_not_depend_on_the_database() -> None:
    assert get("/healthz", ["QuestDB is away"])[0] == 200


def test_ready_only_without_reasons() -> None:
    assert get("/readyz") == (200, {"ready": True, "reasons": [], "warnings": WARNINGS})
    assert get("/readyz", ["QuestDB is away"]) == (
        503,
        {"ready": False, "reasons": ["QuestDB is away"], "warnings": WARNINGS},
    )


def test_status_is_what_is_known() -> None:
    assert get("/status.json") == (200, {"version": "1"})


@pytest.mark.parametrize("reasons", [[], ["QuestDB is away"]])
def test_page_is_served_with_its_policy_ready_or_not(reasons: list[str]) -> None:
    start, body = exchange("/", reasons, "GET")
    headers = dict(start["headers"])
    assert start["status"] == 200
    assert headers[b"content-type"] == b"text/html; charset=utf-8"
    assert headers[b"content-security-policy"].startswith(b"default-src 'none'; ")
    assert headers[b"cache-control"] == b"no-store"
    assert body["body"].startswith(b"<!doctype html>")


def test_metrics_are_in_the_form_that_is_asked_for() -> None:
    start, body = exchange("/metrics", (), "GET")
    assert (start["status"], body["body"]) == (200, b"metrics 1")
    assert (b"content-type", b"text/of some") in start["headers"]


def test_document_is_served_as_it_is() -> None:
    assert get("/openapi.json") == (200, OPENAPI)


@pytest.mark.parametrize(
    ("path", "method", "status"), [("/nope", "GET", 404), ("/healthz", "POST", 405)]
)
def test_other_paths_and_methods_are_refused(path: str, method: str, status: int) -> None:
    assert get(path, method=method)[0] == status


def test_lifespan_starts_and_stops_what_watches() -> None:
    facts = FixedFacts([])
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "lifespan"}

    async def send(message: Any) -> None:
        sent.append(message["type"])

    asyncio.run(OpsApp(facts, OPENAPI)({"type": "lifespan"}, receive, send))
    assert facts.phases == ["startup", "shutdown"]
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
