"""Access to QuestDB's HTTP server: address, TLS, login, and a ping.

QuestDB itself has no TLS; a proxy in front of it does. Its certificate and host name are always
verified, over HTTP and over pgwire.
"""

import asyncio
import base64
import ssl
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from utility_ts_analytics.config import QuestDBConfig


def client_context(ca_file: str | None) -> ssl.SSLContext:
    """Return the context of a client that verifies certificate and name.

    Made once per content of the file: one that was renewed is read again.

    Args:
        ca_file: Authorities (PEM) that may sign the server's certificate; None takes the system's.

    Raises:
        OSError: The file cannot be read, or holds no certificate (`ssl.SSLError`).
    """
    changed_ns = 0 if ca_file is None else Path(ca_file).stat().st_mtime_ns
    return _context(ca_file, changed_ns)


def tls_cause(error: ssl.SSLError) -> str:
    """Return why TLS with the server failed, on one line, with the setting to change."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"its certificate is refused: {error.verify_message.rstrip('.')}; "
            "check questdb.tls_ca_file, and that the host is named as in the certificate"
        )
    reason = (error.reason or str(error)).lower().replace("_", " ")
    return f"TLS fails: {reason}; check that the port speaks TLS"


@lru_cache(maxsize=4)
def _context(ca_file: str | None, changed_ns: int) -> ssl.SSLContext:
    """Return a new context; reading the system's authorities takes some 10 ms."""
    return ssl.create_default_context(cafile=ca_file)


@dataclass(frozen=True, slots=True)
class HttpAccess:
    """What every request to one QuestDB has in common.

    Attributes:
        tls: Whether to speak TLS.
        ca_file: Authorities (PEM) that may sign the server's certificate; None takes the system's.
        authorization: Value of the `Authorization` header, "" for none. A secret.
    """

    tls: bool = False
    ca_file: str | None = None
    authorization: str = field(default="", repr=False)

    def context(self) -> ssl.SSLContext | None:
        """Return what `tls` needs, None for plain HTTP.

        Raises:
            OSError: The authorities cannot be read, or are none (`ssl.SSLError`).
        """
        return client_context(self.ca_file) if self.tls else None

    def head(self, method: str, target: str, addr: str) -> str:
        """Return a request's head up to its own headers: no empty line at the end.

        Args:
            method: Of HTTP.
            target: Path and query, escaped.
            addr: `host:port`, for the `Host` header.
        """
        login = f"Authorization: {self.authorization}\r\n" if self.authorization else ""
        return f"{method} {target} HTTP/1.1\r\nHost: {addr}\r\n{login}"


PLAIN = HttpAccess()
"""No TLS and no login."""


def access_of(questdb: QuestDBConfig) -> HttpAccess:
    """Return the access that the section `[questdb]` describes."""
    return HttpAccess(questdb.ilp_http_addr.tls, questdb.tls_ca_file, _authorization(questdb))


def basic_authorization(user: str, password: str) -> str:
    """Return the header's value for a user (RFC 7617)."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def _authorization(questdb: QuestDBConfig) -> str:
    if questdb.ilp_token is not None:
        return f"Bearer {questdb.ilp_token.reveal()}"
    if questdb.ilp_user is None or questdb.ilp_password is None:
        return ""
    return basic_authorization(questdb.ilp_user, questdb.ilp_password.reveal())


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
    """Check the login by a query that reads nothing. Same contract as `ping_trouble`."""
    return await _trouble(host, port, _LOGIN, timeout_s, access)


async def answers_ping(
    host: str, port: int, *, timeout_s: float, access: HttpAccess = PLAIN
) -> bool:
    """Tell whether QuestDB answers a ping. Same arguments as `ping_trouble`."""
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
