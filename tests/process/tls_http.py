"""The raw HTTP/1.1 client over TLS, to a proxy in front of the service or to the service."""

import contextlib
import ssl
from collections.abc import Iterable, Mapping

from tests.process.raw_http import ANSWER_TIMEOUT_S, Answer, Connection


class TlsConnection(Connection):
    """One TLS connection to `localhost`; closed at the end of its `with` block."""

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        super().__init__(port)
        try:
            self._socket = context.wrap_socket(self._socket, server_hostname="localhost")
        except BaseException:
            self._socket.close()
            raise
        self._host = f"localhost:{port}"

    @property
    def socket(self) -> ssl.SSLSocket:
        """The connection itself, for those who look at its certificate or at its buffers."""
        assert isinstance(self._socket, ssl.SSLSocket)
        return self._socket

    def send_head(self, path: str, headers: Mapping[str, str], method: str = "POST") -> None:
        lines = [f"{method} {path} HTTP/1.1", f"host: {self._host}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    def next_status(self) -> int:
        """Take one status line and its headers, and return the status: TLS cannot be peeked at."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = self._socket.recv(1)
            if not byte:
                raise ConnectionResetError
            head += byte
        return int(head.split(b" ", 2)[1])


def post_tls(
    port: int, context: ssl.SSLContext, path: str, body: bytes, headers: Mapping[str, str]
) -> Answer:
    """Post a body with its Content-Length, without waiting; read the answer also if it breaks."""
    with TlsConnection(port, context) as connection:
        connection.send_head(path, {**headers, "content-length": str(len(body))})
        with contextlib.suppress(ConnectionError, ssl.SSLEOFError):
            connection.send(body)
        return connection.answer()


def post_tls_chunks(
    port: int,
    context: ssl.SSLContext,
    path: str,
    chunks: Iterable[bytes],
    headers: Mapping[str, str],
) -> Answer:
    """Post a body in exactly these chunks, none of them empty."""
    with TlsConnection(port, context) as connection:
        connection.send_head(path, {**headers, "transfer-encoding": "chunked"})
        for chunk in chunks:
            connection.send_chunk(chunk)
        connection.end_chunks()
        return connection.answer()


def send_until_full(connection: TlsConnection, chunk: bytes, *, bytes_max: int) -> int:
    """Send chunks until nobody takes one for a second; return the bytes that were taken."""
    taken = 0
    connection.socket.settimeout(1.0)
    try:
        while taken < bytes_max:
            connection.send_chunk(chunk)
            taken += len(chunk)
    except TimeoutError:
        pass
    finally:
        connection.socket.settimeout(ANSWER_TIMEOUT_S)
    return taken
