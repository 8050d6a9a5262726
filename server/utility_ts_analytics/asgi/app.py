"""The ASGI application of one stream's port: routes, health, and the count of every request."""

from collections.abc import Awaitable, Callable
from typing import Final

from utility_ts_analytics.asgi.body import RequestBody, uncounted
from utility_ts_analytics.asgi.endpoint import IngestEndpoint
from utility_ts_analytics.asgi.protocol import (
    Lifecycle,
    Message,
    Receive,
    Scope,
    Send,
    close_unless_body_asked,
    header,
    run_lifespan,
)
from utility_ts_analytics.asgi.responses import new_request_id, send_json, send_problem
from utility_ts_analytics.clock import Clock
from utility_ts_analytics.errors import ClientError, MethodNotAllowed, NotFound
from utility_ts_analytics.telemetry.measures import Measures

HEALTH_PATH: Final = "/healthz"

_ONLY_POST: Final = "readings are posted: use POST (curl -T: add -X POST)"


class StreamApp:
    """Routes `/ingest/<stream>` and `/ingest/<stream>/ndjson` to the endpoint.

    `/healthz` says that this worker takes connections, not that readings are stored (that is
    `/readyz` of the operations port). It is for load balancers, and not counted as a request.

    Args:
        stream: Name of the stream.
        endpoint: Answers posts.
        lifecycle: Runs while the application serves.
        measures: Counts requests: statuses, time, bytes.
        clock: Times requests.
    """

    def __init__(
        self,
        stream: str,
        endpoint: IngestEndpoint,
        lifecycle: Lifecycle,
        measures: Measures,
        clock: Clock,
    ) -> None:
        self._array_path = f"/ingest/{stream}"
        self._ndjson_path = f"/ingest/{stream}/ndjson"
        self._endpoint = endpoint
        self._lifecycle = lifecycle
        self._measures = measures
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection scope."""
        if scope["type"] == "lifespan":
            await run_lifespan(receive, send, self._lifecycle)
            return
        if scope["path"] == HEALTH_PATH:
            await send_json(send, 200, {"status": "ok"})
            return
        measures, clock = self._measures, self._clock
        began_s = clock.monotonic_s()
        measures.request_began()
        answered = False

        def counted_send(message: Message) -> Awaitable[None]:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = True
                # Before it leaves: a client that has the answer finds it among the metrics.
                measures.request_ended(message["status"], clock.monotonic_s() - began_s)
            return send(message)

        try:
            await self._route(scope, *close_unless_body_asked(scope, receive, counted_send))
        finally:
            if not answered:  # a fault of ours that nothing caught: the server answers 500
                measures.request_ended(500, clock.monotonic_s() - began_s)

    def _route(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        ndjson, count_bytes = scope["path"] == self._ndjson_path, self._measures.request_bytes
        if not ndjson and scope["path"] != self._array_path:
            detail = f"post readings to {self._ndjson_path} or {self._array_path}"
            return refuse(scope, receive, send, NotFound(detail), count_bytes)
        if scope["method"] != "POST":
            error = MethodNotAllowed(_ONLY_POST, "POST")
            return refuse(scope, receive, send, error, count_bytes)
        return self._endpoint.handle(scope, receive, send, ndjson=ndjson)


async def refuse(
    scope: Scope,
    receive: Receive,
    send: Send,
    error: ClientError,
    count_bytes: Callable[[int], None] = uncounted,
) -> None:
    """Answer without an endpoint; clients that are still sending get the answer too."""
    await send_problem(send, error, request_id=new_request_id())
    if header(scope, b"expect") is not None:
        return
    rest = RequestBody(
        receive,
        bytes_max=0,
        limit_name="",
        body_idle_timeout_s=1.0,
        body_min_rate_bytes=0,
        count_bytes=count_bytes,
    )
    await rest.discard_rest()
