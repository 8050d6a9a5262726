"""The parts of ASGI 3.0 that this package uses: its types, headers, lifespan, and `Expect`."""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final, Protocol

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

_CLOSE: Final = (b"connection", b"close")


def header(scope: Scope, name: bytes) -> bytes | None:
    """Return the value of a header (lower-case `name`), the first if repeated, or None."""
    headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
    for key, value in headers:
        if key == name:
            return value
    return None


def headers(scope: Scope, name: bytes) -> list[bytes]:
    """Return all values of a header (lower-case `name`): several lines are one list (RFC 9110)."""
    pairs: Iterable[tuple[bytes, bytes]] = scope["headers"]
    return [value for key, value in pairs if key == name]


class Lifecycle(Protocol):
    """What runs while an application serves."""

    async def startup(self) -> None:
        """Get ready to serve. Does not fail because the database is not available."""
        ...

    async def shutdown(self) -> None:
        """Deliver what was taken, within the drain limit, and release everything."""
        ...


async def run_lifespan(receive: Receive, send: Send, lifecycle: Lifecycle) -> None:
    """Run the lifespan protocol for `lifecycle`.

    An exception in startup is reported as `lifespan.startup.failed`: Granian would otherwise log it
    and serve without lifespan.
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


def close_unless_body_asked(scope: Scope, receive: Receive, send: Send) -> tuple[Receive, Send]:
    """Make a final answer to `Expect: 100-continue` close the connection.

    After such an answer only the client knows whether it still sends the body (RFC 9110 section
    10.1.1). If the connection stayed open, a proxy that does not send the body would put its next
    request there, and the server would take the head of that request for the promised body: both
    would wait for ever. Seen with Caddy built by Go before 1.22.5 (CVE-2024-24791), once in about
    forty refusals.

    Returns:
        `receive` and `send` for the application; the same ones where nothing is expected.
    """
    if header(scope, b"expect") is None:
        return receive, send
    asked = False

    async def noting_receive() -> Message:
        nonlocal asked
        asked = True  # this makes the server send 100
        return await receive()

    async def closing_send(message: Message) -> None:
        if message["type"] == "http.response.start" and not asked:
            message = {**message, "headers": [*message["headers"], _CLOSE]}
        await send(message)

    return noting_receive, closing_send
