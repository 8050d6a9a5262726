"""The client sends the bytes of the file and does not judge answers."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from loadtest.client import Answer, Connection, Target, post_bodies
from loadtest.readings import Body, split_bodies
from tests.unit.loadtest.http_server import Handler, closed_port, serving


class Receiver(Handler):
    """Keeps bodies, and refuses those that begin with `refused`."""

    received: ClassVar[list[bytes]]
    chunk_sizes: ClassVar[list[int]]
    refused: ClassVar[bytes | None]
    refused_once: ClassVar[bool] = False

    def reply(self) -> None:
        body, sizes = self.read_body()
        self.received.append(body)
        self.chunk_sizes.extend(sizes)
        content = str(len(body)).encode()
        if self.refused is None or not body.startswith(self.refused):
            self.answer(200, content)
            return
        if self.refused_once:
            type(self).refused = None
        self.answer(429, content, connection="close")


@pytest.fixture
def receiver() -> Iterator[tuple[int, type[Receiver]]]:
    class Fresh(Receiver):
        received: ClassVar[list[bytes]] = []
        chunk_sizes: ClassVar[list[int]] = []
        refused: ClassVar[bytes | None] = None

    with serving(Fresh) as port:
        yield port, Fresh


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    path = tmp_path / "lines"
    path.write_bytes(b"".join(b"line %d\n" % number for number in range(1000)))
    return path


def test_bodies_are_whole_lines_and_together_the_file(lines: Path) -> None:
    bodies = split_bodies(lines, 300)
    assert [body.rows for body in bodies] == [300, 300, 300, 100]
    content = lines.read_bytes()
    parts = [content[body.offset : body.offset + body.size] for body in bodies]
    assert b"".join(parts) == content
    assert all(part.endswith(b"\n") for part in parts)


def test_file_of_full_bodies_has_no_empty_one_at_its_end(lines: Path) -> None:
    assert [body.rows for body in split_bodies(lines, 500)] == [500, 500]


def test_empty_file_has_no_bodies(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert split_bodies(tmp_path / "empty", 10) == []


@pytest.mark.parametrize("chunk_bytes", [0, 1000, 10_000_000])
def test_every_body_is_sent_once_byte_for_byte(
    receiver: tuple[int, type[Receiver]], lines: Path, chunk_bytes: int
) -> None:
    port, seen = receiver
    bodies = split_bodies(lines, 90)
    run = post_bodies(lines, bodies, Target(port, "/", "text/plain", chunk_bytes), connections=3)
    content = lines.read_bytes()
    sent = {content[body.offset : body.offset + body.size] for body in bodies}
    assert len(seen.received) == len(bodies)
    assert set(seen.received) == sent
    assert {answer.body for answer in run.answers} == set(bodies)
    assert all(answer.content == str(answer.body.size).encode() for answer in run.answers)
    assert bool(seen.chunk_sizes) == bool(chunk_bytes)
    assert all(size <= chunk_bytes for size in seen.chunk_sizes)


def test_refused_body_is_returned_and_the_rest_goes_on_over_a_new_connection(
    receiver: tuple[int, type[Receiver]], lines: Path
) -> None:
    port, seen = receiver
    seen.refused = b"line 0\n"
    run = post_bodies(
        lines, split_bodies(lines, 500), Target(port, "/", "text/plain"), connections=1
    )
    assert [answer.status for answer in run.answers] == [429, 200]


def test_patient_run_sends_a_refused_body_again(
    receiver: tuple[int, type[Receiver]], lines: Path
) -> None:
    port, seen = receiver
    seen.refused, seen.refused_once = b"line 0\n", True
    bodies = split_bodies(lines, 500)
    run = post_bodies(lines, bodies, Target(port, "/", "text/plain"), connections=1, patient=True)
    assert [answer.status for answer in run.answers] == [200, 200]
    assert [answer.body for answer in run.answers] == [bodies[1], bodies[0]]
    assert (run.refusals, len(seen.received)) == (1, 3)


def test_nobody_there_is_an_error(lines: Path) -> None:
    target = Target(closed_port(), "/", "text/plain")
    with pytest.raises(ConnectionRefusedError):
        post_bodies(lines, [Body(0, 7, 1)], target, connections=2)


def test_answer_of_a_server_that_goes_away_afterwards_is_returned(lines: Path) -> None:
    """Who closes after its answer may be stopping: the answer counts, the next post fails."""
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


def test_silence_for_too_long_is_an_error(lines: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        target = Target(listener.getsockname()[1], "/", "text/plain", answer_timeout_s=0.05)
        with (
            Connection(target) as connection,
            lines.open("rb") as file,
            pytest.raises(TimeoutError),
        ):
            connection.post(file, Body(0, 7, 1))
