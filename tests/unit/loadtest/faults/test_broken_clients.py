"""Bodies that break, and where; what they do to a service stands in tests/faults."""

import contextlib
import json
import random
import socket
import threading
from collections.abc import Iterator

import pytest
from loadtest.faults.broken_clients import WAYS, BreakingClient, SlowConnections, Way, fragment
from loadtest.ledger import Ledger

BODY = b"first line\nsecond\nthird one\n"
PATIENCE_S = 10.0


class Listener:
    """Keeps every byte of each connection, and answers when told."""

    def __init__(self, answer: bytes = b"") -> None:
        self.received: list[bytes] = []
        self.answer = answer
        self.live_count = 0
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = int(self._socket.getsockname()[1])
        self._threads: list[threading.Thread] = []
        self._acceptor = threading.Thread(target=self._accept)
        self._acceptor.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self.received.append(b"")
                thread = threading.Thread(
                    target=self._keep, args=(connection, len(self.received) - 1)
                )
                self._threads.append(thread)
                thread.start()

    def _keep(self, connection: socket.socket, index: int) -> None:
        self.live_count += 1
        with connection, contextlib.suppress(OSError):
            if self.answer:
                connection.sendall(self.answer)
            while data := connection.recv(65536):
                self.received[index] += data
        self.live_count -= 1

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._acceptor.join()
        for thread in self._threads:
            thread.join(PATIENCE_S)


@pytest.fixture
def listener() -> Iterator[Listener]:
    content = json.dumps({"code": "truncated-body", "accepted": 1}).encode()
    head = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
    running = Listener(head % len(content) + content)
    yield running
    running.close()


def test_fragment_ends_within_a_line_and_knows_the_whole_ones() -> None:
    rng = random.Random(1)  # noqa: S311 - seeded
    fragments = [fragment(BODY, rng) for _ in range(300)]
    for it in fragments:
        assert BODY.startswith(it.content)
        assert not it.content.endswith(b"\n")
        assert it.content.count(b"\n") == it.whole_rows
    assert {it.whole_rows for it in fragments} == {0, 1, 2}
    # A line that lacks its newline only is what a reader may take for whole.
    assert BODY[:-1] in {it.content for it in fragments}


@pytest.mark.parametrize("way", WAYS)
def test_broken_body_is_sent_in_part_and_its_answer_is_a_promise(
    way: Way, listener: Listener
) -> None:
    ledger = Ledger()
    for seed in range(4):
        rng = random.Random(seed)  # noqa: S311 - seeded
        BreakingClient(ledger, listener.port, rng, rows=3, patience_s=0).break_one(way)
    assert ledger.answers[way] == 4
    first = ledger.accounts[0]
    assert first.attempts >= 1
    assert not first.acknowledged
    if way in ("half-close", "bad-chunk", "stall"):
        assert first.promised_rows == 1


def test_slow_connections_are_held_open_and_replaced(listener: Listener) -> None:
    listener.answer = b""
    with SlowConnections(listener.port, 9) as slow:
        pause = threading.Event()
        for _ in range(int(PATIENCE_S / 0.02)):
            if listener.live_count == 9 and sum(map(bool, listener.received)) >= 6:
                break
            pause.wait(0.02)
        assert listener.live_count == 9
        assert slow.opened_count == 9
        heads = [it for it in listener.received if it]
        assert {it.count(b"\r\n\r\n") for it in heads} == {0, 1}
