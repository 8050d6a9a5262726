"""The operations port: is the service alive, is it ready, and what does it know."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from utility_ts_analytics.asgi.app import Lifecycle, refuse, run_lifespan
from utility_ts_analytics.asgi.pages.status_page import read_status_page
from utility_ts_analytics.asgi.request import header
from utility_ts_analytics.asgi.responses import Json, send_body, send_json
from utility_ts_analytics.asgi.types import Receive, Scope, Send
from utility_ts_analytics.errors import MethodNotAllowed, NotFound

PATHS = ("/", "/metrics", "/healthz", "/readyz", "/status.json", "/openapi.json")
"""What the port serves; `asgi.openapi` describes each."""


class Facts(Lifecycle, Protocol):
    """What the operations port reports."""

    def unready_reasons(self) -> Sequence[str]:
        """Return one line per reason why readings are not being stored; empty when ready."""
        ...

    def warnings(self) -> Sequence[str]:
        """Return one line per thing to put right that keeps no reading from being stored."""
        ...

    def metrics(self, accept: str) -> tuple[str, bytes]:
        """Return content type and text of all metrics, as the `Accept` header asks for it."""
        ...

    def status(self) -> Mapping[str, Json]:
        """Return what is known of the service and the database. Never holds a secret."""
        ...


class OpsApp:
    """Routes `PATHS`; `/` is the status page.

    `/healthz` says only that the service's processes run: restarting it would not bring QuestDB
    back, so the database is `/readyz`'s matter.

    Args:
        facts: What is reported.
        openapi: The document of the whole service, served as it is.
    """

    def __init__(self, facts: Facts, openapi: Mapping[str, Json]) -> None:
        self._facts = facts
        self._openapi = openapi
        self._page = read_status_page()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection scope."""
        if scope["type"] == "lifespan":
            await run_lifespan(receive, send, self._facts)
        elif scope["path"] not in PATHS:
            detail = f"there are: {', '.join(PATHS)}"
            await refuse(scope, receive, send, NotFound(detail))
        elif scope["method"] not in ("GET", "HEAD"):
            allow = MethodNotAllowed("this port is read only", "GET, HEAD")
            await refuse(scope, receive, send, allow)
        else:
            await self._answer(scope, send)

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
