"""The ASGI application of one stream's port: lifespan and routing."""

import uuid
from typing import Protocol

from utility_ts_analytics.asgi.body import RequestBody
from utility_ts_analytics.asgi.expectation import closing_unasked
from utility_ts_analytics.asgi.ingest import IngestEndpoint
from utility_ts_analytics.asgi.request import header
from utility_ts_analytics.asgi.responses import send_problem
from utility_ts_analytics.asgi.types import Receive, Scope, Send
from utility_ts_analytics.errors import ClientError, MethodNotAllowed, NotFound


class Lifecycle(Protocol):
    """What has to run while the application serves."""

    async def startup(self) -> None:
        """Make ready to serve. Trouble with the database is no reason to fail."""
        ...

    async def shutdown(self) -> None:
        """Deliver what was taken, within the drain limit, and release everything."""
        ...


async def run_lifespan(receive: Receive, send: Send, lifecycle: Lifecycle) -> None:
    """Speak the lifespan protocol for `lifecycle`.

    An exception in startup is reported as `lifespan.startup.failed`: Granian would otherwise log
    it and go on without lifespan.
    """
    await receive()
    try:
        await lifecycle.startup()
    except Exception as error:  # noqa: BLE001  reported to the server, which stops
        await send({"type": "lifespan.startup.failed", "message": str(error)})
        return
    await send({"type": "lifespan.startup.complete"})
    await receive()
    try:
        await lifecycle.shutdown()
    except Exception as error:  # noqa: BLE001  reported to the server, which stops anyway
        await send({"type": "lifespan.shutdown.failed", "message": str(error)})
        return
    await send({"type": "lifespan.shutdown.complete"})


class StreamApp:
    """Routes `/ingest/<stream>` and `/ingest/<stream>/ndjson` to the endpoint."""

    def __init__(self, stream: str, endpoint: IngestEndpoint, lifecycle: Lifecycle) -> None:
        self._array_path = f"/ingest/{stream}"
        self._ndjson_path = f"/ingest/{stream}/ndjson"
        self._endpoint = endpoint
        self._lifecycle = lifecycle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection scope."""
        if scope["type"] == "lifespan":
            await run_lifespan(receive, send, self._lifecycle)
            return
        receive, send = closing_unasked(scope, receive, send)
        ndjson = scope["path"] == self._ndjson_path
        if not ndjson and scope["path"] != self._array_path:
            detail = f"post readings to {self._ndjson_path} or {self._array_path}"
            await refuse(scope, receive, send, NotFound(detail))
        elif scope["method"] != "POST":
            await refuse(scope, receive, send, MethodNotAllowed("readings are posted", "POST"))
        else:
            await self._endpoint.handle(scope, receive, send, ndjson=ndjson)


async def refuse(scope: Scope, receive: Receive, send: Send, error: ClientError) -> None:
    """Answer without an endpoint, and let the answer through to clients that are still sending."""
    await send_problem(send, error, request_id=uuid.uuid4().hex)
    if header(scope, b"expect") is not None:
        return
    rest = RequestBody(receive, bytes_max=0, limit_name="", idle_timeout_s=1.0, min_rate_bytes=0)
    await rest.discard_rest()
