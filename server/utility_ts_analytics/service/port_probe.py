"""Asks a port of the service as a client does: a new connection, with TLS, and one request."""

import asyncio
import errno
import ssl
from dataclasses import dataclass

from utility_ts_analytics.asgi.alive import PATH

OWN_SHORTAGE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""Errors of whoever asks: they say nothing about the port."""

_ON_ALL_ADDRESSES = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  not bound here


@dataclass(frozen=True, slots=True)
class Port:
    """A port of the service, as its clients reach it from this machine.

    Attributes:
        name: The stream's name, or `operations`.
        host: IP literal that it listens on.
        number: 1..65535.
        tls: Whether it speaks TLS.
        connections_max: Per worker.
        workers: Processes that listen there, >= 1.
    """

    name: str
    host: str
    number: int
    tls: bool
    connections_max: int
    workers: int


async def answers(port: Port, *, timeout_s: float) -> bool:
    """Tell whether the port says anything to a client within `timeout_s` seconds.

    A refusal counts: a server that wants a certificate of the client, and gets none, is alive.

    Raises:
        OSError: One of `OWN_SHORTAGE`: this process could not ask.
    """
    try:
        async with asyncio.timeout(timeout_s):
            return await _ask(port)
    except ssl.SSLError:
        return True
    except OSError as error:  # a timeout is one, too
        if error.errno in OWN_SHORTAGE:
            raise
        return False


async def _ask(port: Port) -> bool:
    host = _ON_ALL_ADDRESSES.get(port.host, port.host)
    reader, writer = await asyncio.open_connection(
        host, port.number, ssl=_any_certificate() if port.tls else None
    )
    try:
        named = f"[{host}]" if ":" in host else host
        head = f"GET {PATH} HTTP/1.1\r\nhost: {named}:{port.number}\r\n"
        writer.write(f"{head}connection: close\r\n\r\n".encode())
        # With TLS the handshake was the answer already if the server closes now.
        return bool(await reader.read(1)) or port.tls
    except ConnectionError:
        return port.tls
    finally:
        writer.transport.abort()


def _any_certificate() -> ssl.SSLContext:
    """Return the context of a client that looks for life, not for identity.

    The file of a renewed certificate is not what the running server has.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
