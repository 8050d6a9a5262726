"""Whether QuestDB's HTTP server answers at all: the cheapest question there is.

Says nothing of tables; it tells a database that is away from one whose pgwire port alone is.
"""

import asyncio
import ssl

from utility_ts_analytics.database.client_tls import tls_cause
from utility_ts_analytics.database.http_access import PLAIN, HttpAccess

_ANSWER = b"HTTP/1.1 204"
_STATUS_LINE_BYTES_MAX = 100


async def ping_trouble(
    host: str, port: int, *, timeout_s: float, access: HttpAccess = PLAIN
) -> str | None:
    """Send `GET /ping` on a new connection; return None for a 204 in time, else what is wrong.

    Args:
        host: Of QuestDB's HTTP server, where ILP over HTTP goes too.
        port: Of the same.
        timeout_s: For all of it, seconds; a stopped process takes connections and never answers.
        access: TLS and login.

    Returns:
        One line, with the setting to change where that is plain; never a secret.
    """
    head = access.head("GET", "/ping", f"{host}:{port}")
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(host, port, ssl=access.context())
            writer.write(f"{head}Connection: close\r\n\r\n".encode())
            answer = await reader.read(_STATUS_LINE_BYTES_MAX)
            while len(answer) < len(_ANSWER) and (more := await reader.read(len(_ANSWER))):
                answer += more
    except TimeoutError:
        return f"no answer within {timeout_s:g} s"
    except ssl.SSLError as error:
        return tls_cause(error)
    except OSError as error:
        return error.strerror or str(error)
    finally:
        if writer is not None:
            writer.transport.abort()
    return None if answer.startswith(_ANSWER) else _wrong_answer(answer)


async def answers_ping(
    host: str, port: int, *, timeout_s: float, access: HttpAccess = PLAIN
) -> bool:
    """Tell whether `ping_trouble` finds none; arguments as there."""
    return await ping_trouble(host, port, timeout_s=timeout_s, access=access) is None


def _wrong_answer(answer: bytes) -> str:
    version, _, rest = answer.partition(b" ")
    status = rest[:3].decode("ascii", "replace")
    if not version.startswith(b"HTTP/1.") or not status.isdigit():
        return "/ping is answered with something that is not HTTP"
    if status in ("401", "403"):
        return f"/ping is answered with {status}: check questdb.ilp_user or questdb.ilp_token"
    return f"/ping is answered with {status} and not 204: it is not QuestDB, or a proxy without one"
