"""The client sends the bytes of the file and does not judge answers."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from loadtest.client import Answer, Connection, Target, post_bodies
from loadtest.readings import Body, split_bodies
from tests.unit.loadtest.http_server import Handler, closed_port, serving

LINES = [b"line %d\n" % number for number in range(1000)]


class Receiver(Handler):
    """Keeps bodies, and refuses the first one that begins with `line 0`, as often as told."""

    received: ClassVar[list[bytes]] = []
    chunk_sizes: ClassVar[list[int]] = []
    refusals: ClassVar[int] = 0

    def reply(self) -> None:
        body, sizes = self.read_body()
        self.received.append(body)
        self.chunk_sizes.extend(sizes)
        content = str(len(body)).encode()
        if body.startswith(LINES[0]) and type(self).refusals > 0:
            type(self).refusals -= 1
            self.answer(429, content, connection="close")
        else:
            self.answer(200, content)


@pytest.fixture
def port() -> Iterator[int]:
    Receiver.received.clear()
    Receiver.chunk_sizes.clear()
    Receiver.refusals = 0
    with serving(Receiver) as port:
        yield port


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    path = tmp_path / "lines"
    path.write_bytes(b"".join(LINES))
    return path


def test_bodies_are_whole_lines_and_together_the_file(lines: Path, tmp_path: Path) -> None:
    bodies = split_bodies(lines, 300)
    assert [body.rows for body in bodies] == [300, 300, 300, 100]
    content = lines.read_bytes()
    parts = [content[body.offset : body.offset + body.size] for body in bodies]
    assert b"".join(parts) == content
    assert all(part.endswith(b"\n") for part in parts)
    assert [body.rows for body in split_bodies(lines, 500)] == [500, 500]
    (tmp_path / "empty").touch()
    assert split_bodies(tmp_path / "empty", 10) == []


@pytest.mark.parametrize("chunk_bytes", [0, 1000, 10_000_000])
def test_every_body_is_sent_once_byte_for_byte(port: int, lines: Path, chunk_bytes: int) -> None:
    bodies = split_bodies(lines, 90)
    run = post_bodies(lines, bodies, Target(port, "/", "text/plain", chunk_bytes), connections=3)
    content = lines.read_bytes()
    sent = [content[body.offset : body.offset + body.size] for body in bodies]
    assert sorted(Receiver.received) == sorted(sent)
    assert {answer.body for answer in run.answers} == set(bodies)
    assert all(answer.content == str(answer.body.size).encode() for answer in run.answers)
    assert bool(Receiver.chunk_sizes) == bool(chunk_bytes)
    assert all(size <= chunk_bytes for size in Receiver.chunk_sizes)


@pytest.mark.parametrize(("patient", "statuses"), [(False, [429, 200]), (True, [200, 200])])
def test_refused_body_is_sent_again_by_the_patient_and_the_rest_goes_on_over_a_new_connection(
    patient: bool, statuses: list[int], port: int, lines: Path
) -> None:
    Receiver.refusals = 1
    bodies = split_bodies(lines, 500)
    target = Target(port, "/", "text/plain")
    run = post_bodies(lines, bodies, target, connections=1, patient=patient)
    assert [answer.status for answer in run.answers] == statuses
    assert [answer.body for answer in run.answers] == (bodies[::-1] if patient else bodies)
    assert (run.refusals, len(Receiver.received)) == (patient, 2 + patient)


def test_answer_of_a_server_that_goes_away_counts_and_the_next_post_fails(lines: Path) -> None:
    body = Body(0, 7, 1)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        target = Target(listener.getsockname()[1], "/", "text/plain")
        with Connection(target) as connection, lines.open("rb") as file:
            server, _ = listener.accept()
            listener.close()
            server.sendall(
                b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 7\r\n"
                b"connection: close\r\ncontent-length: 2\r\n\r\nno"
            )
            answer = connection.post(file, body)
            server.close()
            assert answer == Answer(body, 503, b"no", retry_after_s=7)
            with pytest.raises(ConnectionRefusedError):
                connection.post(file, body)


def test_nobody_there_and_silence_for_too_long_are_errors(lines: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        silent = Target(listener.getsockname()[1], "/", "text/plain", answer_timeout_s=0.05)
        with pytest.raises(TimeoutError):
            post_bodies(lines, [Body(0, 7, 1)], silent, connections=1)
    with pytest.raises(ConnectionRefusedError):
        post_bodies(lines, [Body(0, 7, 1)], Target(closed_port()), connections=2)


def test_patient_run_takes_a_closed_connection_for_a_refusal(port: int, lines: Path) -> None:
    class Closing(Receiver):
        def reply(self) -> None:
            if not self.received:
                self.read_body()
                self.received.append(b"")
                self.close_connection = True
            else:
                super().reply()

    bodies = split_bodies(lines, 1000)
    with serving(Closing) as closing:
        target = Target(closing, "/", "text/plain")
        run = post_bodies(lines, bodies, target, connections=1, patient=True)
    assert ([answer.status for answer in run.answers], run.refusals) == ([200], 1)
