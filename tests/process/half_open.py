"""Clients that connect and never finish, or never begin, their TLS handshake."""

import contextlib
import resource
import socket
from collections.abc import Iterator

_CLIENT_HELLO_HEAD = b"\x16\x03\x01\x02\x00"
"""The head of a record that announces 512 bytes, of which none come."""


@contextlib.contextmanager
def half_open(port: int, count: int, *, begun: bool = False) -> Iterator[list[socket.socket]]:
    """Hold `count` connections to 127.0.0.1 for the length of a `with` block.

    Args:
        port: To connect to.
        count: Connections; those that the kernel does not take are left out.
        begun: Whether they send the head of a ClientHello.
    """
    with contextlib.ExitStack() as held:
        sockets = []
        for _ in range(count):
            one = held.enter_context(socket.socket())
            one.settimeout(0.5)
            with contextlib.suppress(OSError):
                one.connect(("127.0.0.1", port))
                if begun:
                    one.sendall(_CLIENT_HELLO_HEAD)
                sockets.append(one)
        yield sockets


def limit_files(pid: int, count: int) -> None:
    """Set the hard and soft limit on open files of another process."""
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (count, count))
