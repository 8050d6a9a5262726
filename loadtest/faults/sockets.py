"""What the proxy asks of sockets, apart from passing bytes."""

import asyncio
import contextlib
import socket


def bound(port: int) -> socket.socket:
    """Return a socket bound to a port of 127.0.0.1 that may be bound again beside it."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind(("127.0.0.1", port))
    return bound


def end_stream(end: asyncio.StreamWriter) -> None:
    """Tell the other end that nothing more comes; does nothing where it is gone."""
    with contextlib.suppress(OSError, RuntimeError):
        if not end.transport.is_closing():
            end.write_eof()


def was_reset(end: asyncio.StreamWriter) -> bool:
    """Tell whether the other end has reset the connection, also while nobody reads from it.

    The kernel tells it once.
    """
    connected = end.get_extra_info("socket")
    if connected is None or connected.fileno() < 0:
        return True
    return bool(connected.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
