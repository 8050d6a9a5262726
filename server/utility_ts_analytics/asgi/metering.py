"""Counts requests: answers by status, time, bytes. Around the application, so that none escapes."""

from collections.abc import Awaitable

from utility_ts_analytics.asgi.types import AsgiApp, Message, Receive, Scope, Send
from utility_ts_analytics.clock import Clock
from utility_ts_analytics.telemetry.measures import Measures


class MeteredApp:
    """An application whose requests are counted.

    Args:
        app: The application of one stream's port.
        measures: Where to.
        clock: For the time of a request.
    """

    def __init__(self, app: AsgiApp, measures: Measures, clock: Clock) -> None:
        self._app = app
        self._measures = measures
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection scope."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        measures, clock = self._measures, self._clock
        began_s = clock.monotonic_s()
        measures.request_began()
        answered = False

        async def counted_receive() -> Message:
            message = await receive()
            measures.request_bytes(len(message.get("body", b"")))
            return message

        def counted_send(message: Message) -> Awaitable[None]:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = True
                # Before it leaves: who has the answer finds the request among the metrics.
                measures.request_ended(message["status"], clock.monotonic_s() - began_s)
            return send(message)

        try:
            await self._app(scope, counted_receive, counted_send)
        finally:
            if not answered:  # a fault of ours that no border caught: the server answers 500
                measures.request_ended(500, clock.monotonic_s() - began_s)
