"""A service that answers right and stores nothing: what the books are there to find."""

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class LyingService(ThreadingHTTPServer):
    """Serves the stream and the operations port on one port.

    Attributes:
        short: Rows that each answer leaves out of `accepted`.
        claimed: Rows that `/status.json` calls stored.
        turns_away: Posts that are still to be answered by 429.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, *, short: int, turns_away: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.short = short
        self.claimed = 0
        self.turns_away = turns_away


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: LyingService

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.server.turns_away > 0:
            self.server.turns_away -= 1
            self._answer({"code": "overloaded", "accepted": 0}, status=429)
            return
        accepted = body.count(b"\n") - self.server.short
        summary = {"accepted": accepted, "parse_errors": 0, "rejected": 0, "ack": "committed"}
        self._answer({**summary, "errors": []})

    def do_GET(self) -> None:
        if self.path != "/status.json":
            self.send_error(404)
            return
        stream = {"stored_rows": self.server.claimed, "failed_rows": 0, "in_flight_rows": 0}
        self._answer({"streams": {"meter_usage": {**stream, "workers": []}}})

    def _answer(self, document: object, status: int = 200) -> None:
        content = json.dumps(document).encode()
        self.send_response(status)
        if status == 429:
            self.send_header("retry-after", "0")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None: ...


@contextlib.contextmanager
def lying_service(*, short: int = 0, turns_away: int = 0) -> Iterator[LyingService]:
    """Run one on a free port."""
    with LyingService(short=short, turns_away=turns_away) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
