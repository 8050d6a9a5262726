"""The service is asked over what its listener speaks, and only if it is the service."""

import http.server
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.certificates import Authority, Pair

from utility_ts_analytics.config import BindAddress, TlsFiles
from utility_ts_analytics.service.local_http import ask_listener


class Echo(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(201)
        self.end_headers()
        self.wfile.write(f"{self.path} {self.headers['x-a']} ".encode() + body)

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def listening(pair: Pair | None) -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        if pair is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(pair.cert, pair.key)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def ask(port: int, pair: Pair | None, host: str = "127.0.0.1") -> tuple[int, bytes]:
    tls = None if pair is None else TlsFiles(str(pair.cert), str(pair.key), None)
    return ask_listener(
        BindAddress(host, port),
        "POST",
        "/p?q",
        tls=tls,
        timeout_s=5,
        body=b"b",
        headers={"x-a": "h"},
    )


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1"])  # noqa: S104 - what is asked
def test_plain_listener_is_asked_plainly(host: str) -> None:
    with listening(None) as port:
        assert ask(port, None, host) == (201, b"/p?q h b")


def test_certificate_is_trusted_because_it_is_the_listener_s_own(tmp_path: Path) -> None:
    authority = Authority.make(tmp_path)
    pair, other = authority.issue("one"), authority.issue("other")
    with listening(pair) as port:
        assert ask(port, pair) == (201, b"/p?q h b")
        with pytest.raises(ssl.SSLCertVerificationError):
            ask(port, other)


def test_nobody_there_is_an_os_error() -> None:
    with listening(None) as port:
        pass
    with pytest.raises(OSError, match="refused"):
        ask(port, None)
