"""A small HTTP server for tests of clients."""

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """Reads bodies of both framings and answers with Content-Length; logs nothing."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.reply()

    def do_POST(self) -> None:
        self.reply()

    def reply(self) -> None:
        """Answer one request; a subclass says how."""
        raise NotImplementedError

    def read_body(self) -> tuple[bytes, list[int]]:
        """Return the body, and the sizes of its chunks; none with Content-Length."""
        if length := self.headers.get("content-length"):
            return self.rfile.read(int(length)), []
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks), list(map(len, chunks))

    def answer(self, status: int, content: bytes, **headers: str) -> None:
        """Answer with these headers, `_` in place of `-`."""
        self.send_response(status)
        for name, value in {**headers, "content_length": str(len(content))}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextlib.contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """Serve on a free port of 127.0.0.1, which is yielded, for a `with` block."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()
            thread.join()


def closed_port() -> int:
    """Return a port of 127.0.0.1 that was just closed."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        return int(server.server_address[1])
