"""A TCP proxy between the service and QuestDB that a test opens, holds and shuts."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator


class Gate:
    """Carries bytes to one local port until told not to; its own port never changes."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._passing = threading.Event()
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener: socket.socket | None = None
        self.port = 0
        self.open()

    def open(self) -> None:
        """Take connections and carry bytes."""
        self._passing.set()
        if self._listener is None:
            listener = socket.create_server(("127.0.0.1", self.port))
            self.port = int(listener.getsockname()[1])
            self._listener = listener
            self._start(self._accept, listener)

    def hold(self) -> None:
        """Keep every byte from now on; connections stay, and new ones are taken."""
        self._passing.clear()

    def shut(self) -> None:
        """Cut every connection and refuse new ones."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # wakes the thread in accept
            listener.close()
        with self._lock:
            sockets, self._sockets = self._sockets, []
        for one in sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def end(self) -> None:
        """Shut, and wait for every thread."""
        self.shut()
        self._passing.set()
        for thread in self._threads:
            thread.join(10)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                here, _ = listener.accept()
            except OSError:
                return
            try:
                there = socket.create_connection(("127.0.0.1", self._target_port))
            except OSError:
                here.close()
                continue
            with self._lock:
                self._sockets += [here, there]
            self._start(_carry, here, there, self._passing)
            self._start(_carry, there, here, self._passing)

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments)
        self._threads.append(thread)
        thread.start()


def _carry(source: socket.socket, sink: socket.socket, passing: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            passing.wait()
            sink.sendall(data)
    for one in (source, sink):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def gate_to(port: int) -> Iterator[Gate]:
    """Run a gate for the length of a `with` block."""
    gate = Gate(port)
    try:
        yield gate
    finally:
        gate.end()
