"""The operations port: is the service alive, is it ready, and what does it know."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final, Protocol

from utility_ts_analytics.asgi.app import refuse
from utility_ts_analytics.asgi.auth import BearerAuth, OwnHosts
from utility_ts_analytics.asgi.pages.status_page import read_status_page
from utility_ts_analytics.asgi.protocol import (
    Lifecycle,
    Receive,
    Scope,
    Send,
    header,
    run_lifespan,
)
from utility_ts_analytics.asgi.responses import Json, send_body, send_json
from utility_ts_analytics.errors import ClientError, MethodNotAllowed, NotFound

PATHS: Final = ("/", "/metrics", "/healthz", "/readyz", "/status.json", "/openapi.json")
"""What the port serves; `asgi.openapi` describes each."""

OPEN_PATHS: Final = frozenset({"/healthz", "/readyz"})
"""Need no token: load balancers and orchestrators ask these, and seldom can send a header."""


class Facts(Lifecycle, Protocol):
    """What the operations port reports."""

    def unready_reasons(self) -> Sequence[str]:
        """Return one line per reason why readings are not being stored; empty when ready."""
        ...

    def warnings(self) -> Sequence[str]:
        """Return one line per problem that keeps no reading from being stored."""
        ...

    def metrics(self, accept: str) -> tuple[str, bytes]:
        """Return content type and text of all metrics, in the format the `Accept` header names."""
        ...

    def status(self) -> Mapping[str, Json]:
        """Return what is known of the service and the database. Never holds a secret."""
        ...


class OpsApp:
    """Serves `PATHS` to its own hosts and to holders of its token; `/` is the status page.

    `/healthz` says only that the service's processes run: restarting it would not bring QuestDB
    back, so the state of the database is in `/readyz`.

    Args:
        facts: What is reported.
        openapi: The document of the whole service.
        auth: The tokens of the port; without tokens everybody may read it.
        allowed_hosts: Host names, lower case, that requests may name besides its own.
    """

    def __init__(
        self,
        facts: Facts,
        openapi: Mapping[str, Json],
        auth: BearerAuth,
        allowed_hosts: Collection[str] = (),
    ) -> None:
        self._facts = facts
        self._openapi = openapi
        self._auth = auth
        self._hosts = OwnHosts(allowed_hosts)
        self._page = read_status_page()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection scope."""
        if scope["type"] == "lifespan":
            await run_lifespan(receive, send, self._facts)
            return
        try:
            self._judge(scope)
        except ClientError as error:
            await refuse(scope, receive, send, error)
        else:
            await self._answer(scope, send)

    def _judge(self, scope: Scope) -> None:
        self._hosts.check(scope)
        if scope["path"] not in OPEN_PATHS:
            scripted = header(scope, b"x-requested-with") is not None
            self._auth.holder_or_raise(header(scope, b"authorization"), scripted=scripted)
        if scope["path"] not in PATHS:
            raise NotFound(f"there are: {', '.join(PATHS)}")
        if scope["method"] not in ("GET", "HEAD"):
            raise MethodNotAllowed("this port is read only", "GET, HEAD")

    async def _answer(self, scope: Scope, send: Send) -> None:
        path = scope["path"]
        if path == "/":
            page = self._page
            await send_body(send, 200, page.body, media_type=page.media_type, headers=page.headers)
        elif path == "/metrics":
            accept = (header(scope, b"accept") or b"").decode("latin-1")
            media_type, text = self._facts.metrics(accept)
            await send_body(send, 200, text, media_type=media_type)
        elif path == "/healthz":
            await send_json(send, 200, {"status": "ok"})
        elif path == "/readyz":
            reasons = list(self._facts.unready_reasons())
            document: dict[str, Json] = {
                "ready": not reasons,
                "reasons": [*reasons],
                "warnings": [*self._facts.warnings()],
            }
            await send_json(send, 503 if reasons else 200, document)
        elif path == "/openapi.json":
            await send_json(send, 200, self._openapi)
        else:
            await send_json(send, 200, self._facts.status())
