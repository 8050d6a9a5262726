"""The port of a server: claimed at the start, and asked as a client asks.

Granian's workers bind with SO_REUSEPORT, so a second service on a port would start without an
error and silently take a share of the traffic. A guard socket without that option prevents it.
"""

import asyncio
import errno
import socket
import ssl

from utility_ts_analytics.asgi.app import HEALTH_PATH
from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.service.plans import Listener

OWN_SHORTAGE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""Errors of the process that asks: they say nothing about the port."""

_ON_ALL_ADDRESSES = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  not bound here


def claim_or_raise(listener: Listener) -> socket.socket:
    """Make sure that no other process listens there, and keep other instances from doing so.

    Returns:
        A bound socket that never listens. Keep it open while the service runs: a second instance
        then fails here, while our own workers, with SO_REUSEPORT, do not.

    Raises:
        OperatorError: The address is taken, or does not belong to this machine.
    """
    family = socket.AF_INET6 if ":" in listener.host else socket.AF_INET
    address = (listener.host, listener.port)
    try:
        with socket.socket(family) as probe:
            # Connections of the last run may still be in TIME_WAIT; they are no reason to refuse.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
        guard = socket.socket(family)
        guard.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        guard.bind(address)
    except OSError as error:
        raise OperatorError(
            f"cannot listen on {listener.host}:{listener.port}: {error.strerror};"
            f" stop what uses it (another of these services?) or change {listener.setting}"
        ) from error
    return guard


async def answers(listener: Listener, *, tls: bool, timeout_s: float) -> bool:
    """Tell whether a client on this machine gets any answer within `timeout_s` seconds.

    Opens a new connection, with TLS if the port speaks it, and sends one request. A refusal counts:
    a server that requires a client certificate, and gets none, is alive.

    Raises:
        OSError: One of `OWN_SHORTAGE`: this process could not ask.
    """
    try:
        async with asyncio.timeout(timeout_s):
            return await _ask(listener, tls=tls)
    except ssl.SSLError:
        return True
    except OSError as error:  # includes TimeoutError
        if error.errno in OWN_SHORTAGE:
            raise
        return False


async def _ask(listener: Listener, *, tls: bool) -> bool:
    host = _ON_ALL_ADDRESSES.get(listener.host, listener.host)
    reader, writer = await asyncio.open_connection(
        host, listener.port, ssl=_any_certificate() if tls else None
    )
    try:
        named = f"[{host}]" if ":" in host else host
        head = f"GET {HEALTH_PATH} HTTP/1.1\r\nhost: {named}:{listener.port}\r\n"
        writer.write(f"{head}connection: close\r\n\r\n".encode())
        # With TLS, a server that closes now has already answered with its handshake.
        return bool(await reader.read(1)) or tls
    except ConnectionError:
        return tls
    finally:
        writer.transport.abort()


def _any_certificate() -> ssl.SSLContext:
    """Return a client context that accepts every certificate.

    After a renewal, the file on disk is not the certificate of the running server.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
