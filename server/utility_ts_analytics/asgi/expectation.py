"""`Expect: 100-continue` that ends in a final answer: the connection is closed, and says so.

Whether the body still comes then, only the client knows (RFC 9110 section 10.1.1). Where the
connection stays open, a proxy that does not send the body puts its next request there, and the
server takes the head of it for the body that it was promised: both wait for ever. Seen with Caddy
built by Go before 1.22.5 (CVE-2024-24791), once in about forty refusals.
"""

from typing import Any

from utility_ts_analytics.asgi.request import header
from utility_ts_analytics.asgi.types import Receive, Scope, Send

_CLOSE = (b"connection", b"close")


def closing_unasked(scope: Scope, receive: Receive, send: Send) -> tuple[Receive, Send]:
    """Return what the application receives and sends by; the same where nothing is expected."""
    if header(scope, b"expect") is None:
        return receive, send
    asked = False

    async def receive_noted() -> Any:  # noqa: ANN401 - ASGI's message
        nonlocal asked
        asked = True  # this is what makes the server send 100
        return await receive()

    async def send_closing(message: Any) -> None:  # noqa: ANN401 - ASGI's message
        if message["type"] == "http.response.start" and not asked:
            message = {**message, "headers": [*message["headers"], _CLOSE]}
        await send(message)

    return receive_noted, send_closing
