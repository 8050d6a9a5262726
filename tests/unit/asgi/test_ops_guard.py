"""The operations port asks for its token everywhere but where probes come."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from utility_ts_analytics.asgi.auth import BearerAuth, HeldToken
from utility_ts_analytics.asgi.ops_guard import OpsGuard
from utility_ts_analytics.asgi.responses import send_json

TOKEN = HeldToken("operations", "right")


def status_of(
    path: str,
    authorization: str | None,
    *,
    tokens: list[HeldToken],
    kind: str = "http",
    host: str = "127.0.0.1:9090",
    allowed_hosts: Sequence[str] = (),
) -> int:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send_json(send, 200, {})

    headers = [(b"authorization", authorization.encode())] if authorization is not None else []
    headers.append((b"host", host.encode()))
    scope: dict[str, Any] = {"type": kind, "path": path, "method": "GET", "headers": headers}
    guard = OpsGuard(app, BearerAuth(tokens, basic=True), allowed_hosts)
    asyncio.run(guard(scope, receive, send))
    status: int = sent[0]["status"]
    return status


@pytest.mark.parametrize(
    "path", ["/", "/metrics", "/status.json", "/healthz/", "/nope", "//readyz"]
)
def test_token_is_asked_for(path: str) -> None:
    assert status_of(path, None, tokens=[TOKEN]) == 401
    assert status_of(path, "Bearer wrong", tokens=[TOKEN]) == 401
    assert status_of(path, "Bearer right", tokens=[TOKEN]) == 200
    assert status_of(path, None, tokens=[]) == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_need_none(path: str) -> None:
    assert status_of(path, None, tokens=[TOKEN]) == 200
    assert status_of(path, "Bearer wrong", tokens=[TOKEN]) == 200


@pytest.mark.parametrize("path", ["/", "/status.json", "/metrics", "/healthz", "/readyz", "/nope"])
def test_other_hosts_get_403_on_every_path_whatever_they_send(path: str) -> None:
    def answered(host: str, *allowed: str) -> int:
        return status_of(path, "Bearer right", tokens=[TOKEN], host=host, allowed_hosts=allowed)

    assert answered("evil.example:9090") == 403
    assert answered("127.0.0.1:9090") == 200
    assert answered("ingestion:9090", "ingestion") == 200


def test_lifespan_goes_through() -> None:
    assert status_of("", None, tokens=[TOKEN], kind="lifespan") == 200


def test_browser_asks_its_user_but_not_for_what_a_script_of_the_page_tries() -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    guard = OpsGuard(OpsGuard, BearerAuth([TOKEN], realm="ops", basic=True))  # type: ignore[arg-type]  # never called
    for headers in ([], [(b"x-requested-with", b"status page")]):
        scope = {"type": "http", "path": "/", "method": "GET", "headers": headers}
        asyncio.run(guard(scope, receive, send))
    challenges = [dict(start["headers"])[b"www-authenticate"] for start in sent[::2]]
    assert challenges == [b'Basic realm="ops", Bearer realm="ops"', b'Bearer realm="ops"']
