"""Producers post until acknowledged, as their books then say; against a server with a script."""

import http.server
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest
from loadtest.faults.ledger import Ledger
from loadtest.faults.producers import Load, Pace
from loadtest.faults.versions import VersionLedger
from loadtest.posting import split_bodies

PACE = Pace(producers=2, pause_s=0.0, wait_s_max=0.05, answer_timeout_s=5.0, correctors=0)
BODY_ROWS = 10
PATIENCE_S = 20.0

Script = Callable[[int], tuple[int, dict[str, object]] | None]
"""From the number of a body's attempt, from 1, to its answer; None cuts the line."""


def committed(_attempt: int = 1) -> tuple[int, dict[str, object]]:
    return 200, {"accepted": BODY_ROWS, "ack": "committed"}


class Scripted(http.server.BaseHTTPRequestHandler):
    """Answers each attempt at a body by a script."""

    protocol_version = "HTTP/1.1"
    script: ClassVar[Script]
    attempts: ClassVar[Counter[bytes]]
    chunked_count: ClassVar[list[bool]]

    def do_POST(self) -> None:
        length = self.headers.get("content-length")
        self.chunked_count.append(length is None)
        body = self.rfile.read(int(length)) if length else b"".join(self.chunks())
        self.attempts[body] += 1
        answer = type(self).script(self.attempts[body])
        if answer is None:
            self.close_connection = True
            return
        content = json.dumps(answer[1]).encode()
        self.send_response(answer[0])
        self.send_header("retry-after", "3600")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def log_message(self, format: str, *args: object) -> None:
        pass


Serve = Callable[[Script], tuple[int, type[Scripted]]]


@pytest.fixture
def serve() -> Iterator[Serve]:
    running: list[tuple[http.server.ThreadingHTTPServer, threading.Thread]] = []

    def start(answers: Script) -> tuple[int, type[Scripted]]:
        class Fresh(Scripted):
            script: ClassVar[Script] = staticmethod(answers)
            attempts: ClassVar[Counter[bytes]] = Counter()
            chunked_count: ClassVar[list[bool]] = []

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Fresh)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        running.append((server, thread))
        return server.server_address[1], Fresh

    yield start
    for server, thread in running:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    path = tmp_path / "lines"
    path.write_bytes(b"".join(b"line %d\n" % number for number in range(20 * BODY_ROWS)))
    return path


def ledger_of(lines: Path) -> Ledger:
    return Ledger(split_bodies(lines, BODY_ROWS))


def post_all(lines: Path, port: int) -> Ledger:
    ledger = ledger_of(lines)
    with Load(lines, ledger, VersionLedger(), port, PACE) as load:
        end_s = time.monotonic() + PATIENCE_S
        while not ledger.exhausted and time.monotonic() < end_s:
            threading.Event().wait(0.005)
        load.stop(timeout_s=PATIENCE_S)
    return ledger


def test_every_body_is_posted_once_in_both_framings(lines: Path, serve: Serve) -> None:
    port, seen = serve(committed)
    ledger = post_all(lines, port)
    assert b"".join(sorted(seen.attempts)) == b"".join(
        sorted(lines.read_bytes()[b.offset : b.offset + b.size] for b in split_bodies(lines, 10))
    )
    assert set(seen.attempts.values()) == {1}
    assert all(it.acknowledged and it.sent_rows == BODY_ROWS for it in ledger.entries)
    assert ledger.retries == 0
    assert set(seen.chunked_count) == {True, False}


def test_correctors_post_versions_of_readings_of_their_own(lines: Path, serve: Serve) -> None:
    port, seen = serve(committed)
    ledger, versions = ledger_of(lines), VersionLedger()
    pace = replace(PACE, producers=0, correctors=2, corrected_rows=BODY_ROWS)
    with Load(lines, ledger, versions, port, pace) as load:
        end_s = time.monotonic() + PATIENCE_S
        while ledger.answers["200"] < 20 and time.monotonic() < end_s:
            threading.Event().wait(0.005)
        load.stop(timeout_s=PATIENCE_S)
    assert len(versions.corrected) == 4
    for account in versions.corrected:
        assert account.posted == account.committed == account.attempts > 0
        assert all(seen.attempts[account.body(it + 1)] == 1 for it in range(account.posted))


@pytest.mark.parametrize("first", [(503, {"accepted": 4}), (429, {}), (408, {}), (500, {}), None])
def test_trouble_and_lost_answers_are_tried_again_whatever_they_ask_for(
    first: tuple[int, dict[str, object]] | None, lines: Path, serve: Serve
) -> None:
    port, seen = serve(lambda attempt: first if attempt == 1 else committed())
    ledger = post_all(lines, port)
    assert set(seen.attempts.values()) == {2}
    assert all(it.acknowledged for it in ledger.entries)
    assert ledger.retries == len(ledger.entries) == 20
    assert ledger.answers["200"] == 20
    assert ledger.answers.total() == 40


def test_refusal_for_good_is_kept_and_not_repeated(lines: Path, serve: Serve) -> None:
    port, seen = serve(lambda _: (413, {"code": "body-too-large"}))
    ledger = post_all(lines, port)
    assert set(seen.attempts.values()) == {1}
    assert ledger.wrong_count == 20
    assert not any(it.acknowledged for it in ledger.entries)


def test_refused_connection_is_tried_again(lines: Path) -> None:
    ledger = ledger_of(lines)
    with http.server.HTTPServer(("127.0.0.1", 0), Scripted) as closed:
        away = closed.server_address[1]
    with Load(lines, ledger, VersionLedger(), away, PACE) as load:
        end_s = time.monotonic() + PATIENCE_S
        while ledger.answers["ConnectionRefusedError"] < 4 and time.monotonic() < end_s:
            threading.Event().wait(0.005)
        load.stop(timeout_s=0.0)
    assert ledger.answers["ConnectionRefusedError"] >= 4
    assert len(ledger.entries) == PACE.producers


def test_stop_finishes_what_is_under_way_and_begins_nothing(lines: Path, serve: Serve) -> None:
    release = threading.Event()

    def wait(_attempt: int) -> tuple[int, dict[str, object]]:
        release.wait(PATIENCE_S)
        return committed()

    port, _ = serve(wait)
    ledger = ledger_of(lines)
    with Load(lines, ledger, VersionLedger(), port, PACE) as load:
        end_s = time.monotonic() + PATIENCE_S
        while len(ledger.entries) < PACE.producers and time.monotonic() < end_s:
            threading.Event().wait(0.005)
        timer = threading.Timer(0.1, release.set)
        timer.start()
        load.stop(timeout_s=PATIENCE_S)
        timer.join()
    assert [it.acknowledged for it in ledger.entries] == [True, True]
