"""The operations port reports the state of the service, to its own hosts and token holders."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from utility_ts_analytics.asgi.auth import BearerAuth, HeldToken
from utility_ts_analytics.asgi.operations import PATHS, OpsApp
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
    asyncio.run(OpsApp(FixedFacts(reasons), OPENAPI, BearerAuth([]))(scope, receive, send))
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

    app = OpsApp(facts, OPENAPI, BearerAuth([TOKEN]))
    asyncio.run(app({"type": "lifespan"}, receive, send))
    assert facts.phases == ["startup", "shutdown"]
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


# Who may ask.


TOKEN = HeldToken("operations", "right")


def status_of(
    path: str,
    authorization: str | None,
    *,
    tokens: list[HeldToken],
    host: str = "127.0.0.1:9090",
    allowed_hosts: Sequence[str] = (),
) -> int:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"authorization", authorization.encode())] if authorization is not None else []
    headers.append((b"host", host.encode()))
    scope: dict[str, Any] = {"type": "http", "path": path, "method": "GET", "headers": headers}
    auth = BearerAuth(tokens, basic=True)
    asyncio.run(OpsApp(FixedFacts([]), OPENAPI, auth, allowed_hosts)(scope, receive, send))
    status: int = sent[0]["status"]
    return status


@pytest.mark.parametrize(
    "path", ["/", "/metrics", "/status.json", "/healthz/", "/nope", "//readyz"]
)
def test_token_is_asked_for(path: str) -> None:
    assert status_of(path, None, tokens=[TOKEN]) == 401
    assert status_of(path, "Bearer wrong", tokens=[TOKEN]) == 401
    served = 200 if path in PATHS else 404
    assert status_of(path, "Bearer right", tokens=[TOKEN]) == served
    assert status_of(path, None, tokens=[]) == served


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_need_none(path: str) -> None:
    assert status_of(path, None, tokens=[TOKEN]) == 200
    assert status_of(path, "Bearer wrong", tokens=[TOKEN]) == 200


@pytest.mark.parametrize("path", ["/", "/status.json", "/metrics", "/healthz", "/readyz", "/nope"])
def test_other_hosts_get_403_on_every_path_whatever_they_send(path: str) -> None:
    def answered(host: str, *allowed: str) -> int:
        return status_of(path, "Bearer right", tokens=[TOKEN], host=host, allowed_hosts=allowed)

    assert answered("evil.example:9090") == 403
    served = 200 if path in PATHS else 404
    assert answered("127.0.0.1:9090") == served
    assert answered("ingestion:9090", "ingestion") == served


def test_browser_asks_its_user_but_not_for_what_a_script_of_the_page_tries() -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    app = OpsApp(FixedFacts([]), OPENAPI, BearerAuth([TOKEN], realm="ops", basic=True))
    for headers in ([], [(b"x-requested-with", b"status page")]):
        scope = {"type": "http", "path": "/", "method": "GET", "headers": headers}
        asyncio.run(app(scope, receive, send))
    challenges = [dict(start["headers"])[b"www-authenticate"] for start in sent[::2]]
    assert challenges == [b'Basic realm="ops", Bearer realm="ops"', b'Bearer realm="ops"']
