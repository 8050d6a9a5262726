"""Whether QuestDB's HTTP server answers at all: the cheapest question there is.

Says nothing of tables; it tells a database that is away from one whose pgwire port alone is.
"""

import asyncio
import base64
import contextlib

_ANSWER = b"HTTP/1.1 204"


async def answers_ping(
    host: str, port: int, *, timeout_s: float, credentials: tuple[str, str] | None = None
) -> bool:
    """Send `GET /ping` on a new connection and tell whether it was answered with 204 in time.

    Args:
        host: Of QuestDB's HTTP server, where ILP over HTTP goes too.
        port: Of the same.
        timeout_s: For all of it, seconds; a stopped process takes connections and never answers.
        credentials: User and password where QuestDB asks for them.
    """
    lines = ["GET /ping HTTP/1.1", f"Host: {host}:{port}", "Connection: close"]
    if credentials is not None:
        token = base64.b64encode(":".join(credentials).encode()).decode()
        lines.append(f"Authorization: Basic {token}")
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
            return await reader.readexactly(len(_ANSWER)) == _ANSWER
    except (OSError, asyncio.IncompleteReadError, TimeoutError):
        return False
    finally:
        if writer is not None:
            with contextlib.suppress(OSError):
                writer.close()
