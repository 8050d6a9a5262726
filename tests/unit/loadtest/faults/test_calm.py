"""A service is calm once nothing has been on its way for a moment."""

import http.server
import json
import threading
from collections.abc import Iterator

import pytest
from loadtest.faults.calm import in_flight_rows, wait_calm


class Status(http.server.BaseHTTPRequestHandler):
    """Answers with one number after the other; the last one stays."""

    numbers: list[int]

    def do_GET(self) -> None:
        number = self.numbers.pop(0) if len(self.numbers) > 1 else self.numbers[0]
        streams = {"meter_usage": {"in_flight_rows": number}, "other": {"in_flight_rows": 0}}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"streams": streams}).encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with http.server.HTTPServer(("127.0.0.1", 0), Status) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_rows_of_all_streams_are_on_their_way(port: int) -> None:
    Status.numbers = [7]
    assert in_flight_rows(port) == 7


def test_nothing_is_known_where_nobody_answers() -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), Status) as closed:
        away = closed.server_address[1]
    assert in_flight_rows(away) is None


def test_rows_that_show_up_again_are_waited_for(port: int) -> None:
    Status.numbers = [3, 0, 0, 2, 0]
    wait_calm(port, timeout_s=10.0)
    assert Status.numbers == [0]


def test_rows_that_never_leave_are_an_error(port: int) -> None:
    Status.numbers = [1]
    with pytest.raises(RuntimeError, match="on its way"):
        wait_calm(port, timeout_s=0.05)
