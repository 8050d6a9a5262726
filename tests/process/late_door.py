"""A port that belongs to a server, and through which nobody gets until it is opened."""

import contextlib
import socket
import threading
from collections.abc import Iterator


class LateDoor:
    """Refuses connections until `open`, then carries them to a port of this machine."""

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        self.port = int(self._listener.getsockname()[1])
        self._ends: list[socket.socket] = [self._listener]

    def open(self) -> None:
        """Take connections from now on."""
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """End every connection and give the port back."""
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._to_port))
                self._ends += [client, server]
                for source, sink in ((client, server), (server, client)):
                    threading.Thread(target=_carry, args=(source, sink), daemon=True).start()


@contextlib.contextmanager
def late_door(to_port: int) -> Iterator[LateDoor]:
    """Make a door that is closed with the `with` block."""
    door = LateDoor(to_port)
    try:
        yield door
    finally:
        door.close()


def _carry(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
