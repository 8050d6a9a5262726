"""Producers post until acknowledged, as their books then say; against a server with a script."""

import contextlib
import http.client
import itertools
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, ClassVar

import msgspec
import pytest
from loadtest.client import Answer, Connection, Target
from loadtest.faults.producers import Load, Pace, correct, post_version
from loadtest.ledger import Ledger
from loadtest.readings import Body, split_bodies
from loadtest.stored import SentReading
from loadtest.versions import Corrected, VersionLedger
from tests.unit.loadtest.http_server import Handler, closed_port, serving

PACE = Pace(producers=2, pause_s=0.0, wait_s_max=0.05, answer_timeout_s=5.0, correctors=0)
BODY_ROWS = 10
PATIENCE_S = 20.0

Script = Callable[[int], tuple[int, dict[str, object]] | None]
"""From the number of a body's attempt, from 1, to its answer; None cuts the line."""


def committed(_attempt: int = 1) -> tuple[int, dict[str, object]]:
    return 200, {"accepted": BODY_ROWS, "ack": "committed"}


class Scripted(Handler):
    """Answers each attempt at a body by a script."""

    script: ClassVar[Script]
    attempts: ClassVar[Counter[bytes]]
    chunked_count: ClassVar[list[bool]]

    def reply(self) -> None:
        body, chunks = self.read_body()
        self.chunked_count.append(bool(chunks))
        self.attempts[body] += 1
        answer = type(self).script(self.attempts[body])
        if answer is None:
            self.close_connection = True
            return
        self.answer(answer[0], json.dumps(answer[1]).encode(), retry_after="3600")


Serve = Callable[[Script], tuple[int, type[Scripted]]]


@pytest.fixture
def serve() -> Iterator[Serve]:
    with contextlib.ExitStack() as stack:

        def start(answers: Script) -> tuple[int, type[Scripted]]:
            class Fresh(Scripted):
                script: ClassVar[Script] = staticmethod(answers)
                attempts: ClassVar[Counter[bytes]] = Counter()
                chunked_count: ClassVar[list[bool]] = []

            return stack.enter_context(serving(Fresh)), Fresh

        yield start


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
    with Load(lines, ledger, VersionLedger(), closed_port(), PACE) as load:
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


ROWS = 3


class ScriptedCourier(Connection):
    """Answers by a script; None breaks the connection."""

    def __init__(self, script: Callable[[int], int | None]) -> None:
        super().__init__(Target(0, "/", ""))
        self.script = script
        self.versions: list[int] = []

    def post(self, file: BinaryIO, body: Body) -> Answer:
        file.seek(body.offset)
        lines = file.read(body.size).splitlines()
        assert len(lines) == body.rows == ROWS
        self.versions.append(int(msgspec.json.decode(lines[0], type=SentReading).kwh))
        status = self.script(len(self.versions))
        if status is None:
            raise ConnectionResetError
        acks = {200: "committed", 202: "spooled"}
        accepted = ROWS if status in acks else 0
        return Answer(
            body, status, json.dumps({"accepted": accepted, "ack": acks.get(status)}).encode()
        )


@pytest.mark.parametrize(
    ("status", "acknowledged", "committed", "noted"),
    [
        (200, 1, 1, "200"),
        (202, 1, 0, "202"),
        (503, 0, 0, "503"),
        (429, 0, 0, "429"),
        (None, 0, 0, "ConnectionResetError"),
    ],
)
def test_only_an_acknowledgement_promises(
    status: int | None, acknowledged: int, committed: int, noted: str
) -> None:
    account, ledger = Corrected(0, ROWS), Ledger([])
    assert post_version(ScriptedCourier(lambda _: status), account, 1, ledger) is bool(acknowledged)
    assert (account.posted, account.acknowledged, account.committed) == (1, acknowledged, committed)
    assert ledger.answers == {noted: 1}
    assert ledger.wrong_count == 0
    assert (account.lost_at_s > 0) is (status is None)


def test_answer_that_no_right_body_may_get_is_kept() -> None:
    ledger = Ledger([])
    assert not post_version(ScriptedCourier(lambda _: 422), Corrected(0, ROWS), 1, ledger)
    assert ledger.wrong_count == 1


def test_answer_that_is_none_is_a_broken_connection() -> None:
    class Broken(ScriptedCourier):
        def post(self, file: BinaryIO, body: Body) -> Answer:
            raise http.client.BadStatusLine("?")

    ledger = Ledger([])
    assert not post_version(Broken(lambda _: 200), Corrected(0, ROWS), 1, ledger)
    assert ledger.answers == {"BadStatusLine": 1}


def test_versions_grow_by_one_and_those_without_an_answer_are_given_up_or_repeated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stopping = threading.Event()

    def script(attempt: int) -> int | None:
        if attempt == 60:
            stopping.set()
        return [200, 503, None][attempt % 3]

    monkeypatch.setattr("loadtest.versions.LOST_WAIT_S", 0.0)
    account, ledger = Corrected(0, ROWS), Ledger([])
    courier = ScriptedCourier(script)
    rng = random.Random(1)  # noqa: S311
    correct([account], [courier], ledger, rng, pause_s=0.0, stopping=stopping)
    steps = [new - old for old, new in itertools.pairwise(courier.versions)]
    assert set(steps) == {0, 1}
    acknowledged = [courier.script(number + 1) == 200 for number in range(60)]
    assert all(step == 1 for step, done in zip(steps, acknowledged, strict=False) if done)
    assert any(step == 1 for step, done in zip(steps, acknowledged, strict=False) if not done)
    last = max(v for v, done in zip(courier.versions, acknowledged, strict=True) if done)
    assert (account.posted, account.acknowledged) == (courier.versions[-1], last)
    assert account.attempts == ledger.answers.total() == 60
