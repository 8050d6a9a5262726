"""Whether QuestDB's HTTP server answers at all: the cheapest question there is.

Says nothing of tables; it tells a database that is away from one whose pgwire port alone is.
"""

import asyncio
import ssl

from utility_ts_analytics.database.client_tls import tls_cause
from utility_ts_analytics.database.http_access import PLAIN, HttpAccess

_PING = ("/ping", "204")
_LOGIN = ("/exec?query=SELECT%201", "200")
"""What is asked for, and the status that answers it."""

_STATUS_END = len("HTTP/1.1 204")
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
    return await _trouble(host, port, _PING, timeout_s, access)


async def login_trouble(
    host: str, port: int, *, timeout_s: float, access: HttpAccess = PLAIN
) -> str | None:
    """Run a query that reads nothing; as `ping_trouble`, which QuestDB answers without a login."""
    return await _trouble(host, port, _LOGIN, timeout_s, access)


async def answers_ping(
    host: str, port: int, *, timeout_s: float, access: HttpAccess = PLAIN
) -> bool:
    """Tell whether `ping_trouble` finds none; arguments as there."""
    return await ping_trouble(host, port, timeout_s=timeout_s, access=access) is None


async def _trouble(
    host: str, port: int, question: tuple[str, str], timeout_s: float, access: HttpAccess
) -> str | None:
    target, expected = question
    head = access.head("GET", target, f"{host}:{port}")
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(host, port, ssl=access.context())
            writer.write(f"{head}Connection: close\r\n\r\n".encode())
            answer = await reader.read(_STATUS_LINE_BYTES_MAX)
            while len(answer) < _STATUS_END and (more := await reader.read(_STATUS_END)):
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
    return _wrong_answer(answer, target.partition("?")[0], expected)


def _wrong_answer(answer: bytes, path: str, expected: str) -> str | None:
    version, _, rest = answer.partition(b" ")
    status = rest[:3].decode("ascii", "replace")
    if not version.startswith(b"HTTP/1.") or not status.isdigit():
        return f"{path} is answered with something that is not HTTP"
    if status == expected:
        return None
    if status in ("401", "403"):
        return f"{path} is answered with {status}: check questdb.ilp_user or questdb.ilp_token"
    return f"{path} is answered with {status}, not {expected}: not QuestDB, or a proxy without one"
