"""Standard input and pipes: read once, given up on when nobody wants them any more."""

import gzip
import io
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zstandard
from tests.unit.files.piece_rig import line, opened, outline

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.pieces import Piece, PieceSource
from utility_ts_analytics.files.sources.stream_bytes import STDIN, CopiedStream, StreamBytes
from utility_ts_analytics.files.tables.file_bytes import FileBytes

ENDED_S = 10.0
BODY = b"".join(map(line, range(5_000)))


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Standard input is a pipe; yields the end that is written to."""
    read_end, write_end = os.pipe()
    with io.TextIOWrapper(os.fdopen(read_end, "rb")) as file:
        monkeypatch.setattr(sys, "stdin", file)
        yield write_end


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def write(fd: int, data: bytes, part_bytes: int = 65_536) -> threading.Thread:
    """Write in a thread, and close."""

    def run() -> None:
        with os.fdopen(fd, "wb", buffering=0) as file:
            for start in range(0, len(data), part_bytes):
                file.write(data[start : start + part_bytes])

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress])
@pytest.mark.parametrize("part_bytes", [1, 65_536])
def test_bytes_come_whole_and_unpacked(
    pipe: int, pack: Callable[[bytes], bytes], part_bytes: int
) -> None:
    """Also where the first bytes, which say how they are packed, come one by one."""
    body = BODY[:5_000] if part_bytes == 1 else BODY
    writer = write(pipe, pack(body), part_bytes)
    stream = StreamBytes(STDIN)
    assert b"".join(stream.chunks()) == body
    assert stream.bytes_read == len(pack(body))
    writer.join()


def test_packing_that_breaks_off_is_told(pipe: int) -> None:
    write(pipe, gzip.compress(BODY)[:-9]).join()
    with pytest.raises(OperatorError, match=r"cannot read -: .*its gzip data ends early"):
        list(StreamBytes(STDIN).chunks())


def test_pipe_that_does_not_wait_is_no_end(pipe: int) -> None:
    """A terminal's other programs may leave standard input non-blocking."""
    os.set_blocking(sys.stdin.fileno(), False)
    gone = threading.Timer(0.05, write, (pipe, BODY[:1_000]))
    gone.start()
    assert b"".join(StreamBytes(STDIN).chunks()) == BODY[:1_000]


def test_named_pipe_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "pipe.ndjson"
    os.mkfifo(path)
    opener = threading.Thread(target=path.write_bytes, args=(BODY,))
    opener.start()
    assert b"".join(StreamBytes(path).chunks()) == BODY
    opener.join()


def test_missing_pipe_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"cannot read .*gone: No such file"):
        list(StreamBytes(tmp_path / "gone").chunks())


@pytest.mark.parametrize("copied", [False, True])
def test_interrupt_ends_the_wait(pipe: int, copied: bool, temporary: Path) -> None:
    stream = StreamBytes(STDIN)
    source: PieceSource = opened(STDIN)
    if copied:
        source = CopiedStream(stream, lambda file: pytest.fail("nothing is to be opened"))
    os.write(pipe, BODY[:100])
    parts: list[Piece] = []
    reader = threading.Thread(target=lambda: parts.extend(source))
    reader.start()
    source.interrupt()
    reader.join(ENDED_S)
    assert not reader.is_alive()
    assert list(temporary.iterdir()) == []
    os.close(pipe)


def test_copy_is_read_as_a_file_and_removed(pipe: int, temporary: Path) -> None:
    copies: list[Path] = []

    def open_file(file: FileBytes) -> PieceSource:
        copies.append(file.path)
        assert file.name == "-"
        return opened(file.path)

    writer = write(pipe, BODY)
    with CopiedStream(StreamBytes(STDIN), open_file) as source:
        assert (source.head, source.notes, source.resumable) == (b"", {}, False)
        assert len(outline(list(source))) == 5_000
        assert source.bytes_read == len(BODY)
        assert source.order_known
    writer.join()
    [copy] = copies
    assert copy.parent == temporary


def test_copy_that_has_no_room_is_told_and_removed(
    pipe: int, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: StreamBytes) -> Iterator[bytes]:
        yield b"x"
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(StreamBytes, "raw", full)
    with pytest.raises(OperatorError, match="cannot keep -: No space left on device; make room"):
        list(CopiedStream(StreamBytes(STDIN), lambda file: pytest.fail("opened")))
    assert list(temporary.iterdir()) == []
    os.close(pipe)
