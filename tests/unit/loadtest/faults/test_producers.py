"""Producers post until acknowledged, as their accounts then say; against a server with a script."""

import contextlib
import http.client
import itertools
import json
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import BinaryIO, ClassVar

import msgspec
import pytest
from loadtest.client import Answer, Connection, Target
from loadtest.faults.producers import Load, Pace, correct, post_version
from loadtest.ledger import Account, Acknowledged, Ledger
from loadtest.processes import wait_until
from loadtest.readings import Body
from loadtest.stored import SentReading
from tests.unit.loadtest.http_server import Handler, serving

ROWS = 3
PACE = Pace(producers=2, body_rows=ROWS, pause_s=0.0, wait_s_max=0.05, correctors=0)
PATIENCE_S = 20.0
BODIES = 20

Script = Callable[[int], tuple[int, dict[str, object]] | None]
"""From the number of a body's attempt, from 1, to its answer; None cuts the line."""


def committed(_attempt: int = 1) -> tuple[int, dict[str, object]]:
    return 200, {"accepted": ROWS, "ack": "committed"}


class Scripted(Handler):
    """Answers each attempt at a body by a script."""

    script: ClassVar[Script]
    attempts: ClassVar[Counter[bytes]]
    chunked: ClassVar[set[bool]]

    def reply(self) -> None:
        body, chunks = self.read_body()
        self.chunked.add(bool(chunks))
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
                chunked: ClassVar[set[bool]] = set()

            return stack.enter_context(serving(Fresh)), Fresh

        yield start


def posted(port: int, holds: Callable[[Ledger], bool], pace: Pace = PACE) -> Ledger:
    """Post until that holds, and finish what is under way."""
    ledger = Ledger()
    with Load(ledger, port, pace) as load:
        wait_until(lambda: holds(ledger), "so much is posted", timeout_s=PATIENCE_S)
        load.stop(timeout_s=PATIENCE_S)
    return ledger


def enough(ledger: Ledger) -> bool:
    return len(ledger.accounts) >= BODIES


def test_every_body_is_posted_once_in_both_framings(serve: Serve) -> None:
    port, seen = serve(committed)
    ledger = posted(port, enough)
    assert seen.attempts == Counter(it.body(1) for it in ledger.accounts)
    assert all(it.acknowledged and it.sent_rows == ROWS for it in ledger.accounts)
    assert (ledger.retries, seen.chunked) == (0, {True, False})


@pytest.mark.parametrize("first", [(503, {"accepted": 2}), (429, {}), (408, {}), (500, {}), None])
def test_trouble_and_lost_answers_are_tried_again_whatever_they_ask_for(
    first: tuple[int, dict[str, object]] | None, serve: Serve
) -> None:
    port, seen = serve(lambda attempt: first if attempt == 1 else committed())
    ledger = posted(port, enough)
    assert set(seen.attempts.values()) == {2}
    assert all(it.acknowledged for it in ledger.accounts)
    assert ledger.retries == len(ledger.accounts) == ledger.answers["200"]
    assert ledger.answers.total() == 2 * ledger.retries


def test_refusal_for_good_is_kept_and_not_repeated(serve: Serve) -> None:
    port, seen = serve(lambda _: (413, {"code": "body-too-large"}))
    ledger = posted(port, enough)
    assert set(seen.attempts.values()) == {1}
    assert ledger.wrong_count == len(ledger.accounts)
    assert not any(it.acknowledged for it in ledger.accounts)


def test_stop_finishes_what_is_under_way_and_begins_nothing(serve: Serve) -> None:
    release = threading.Event()

    def wait(_attempt: int) -> tuple[int, dict[str, object]]:
        release.wait(PATIENCE_S)
        return committed()

    ledger = Ledger()
    with Load(ledger, serve(wait)[0], PACE) as load:
        wait_until(lambda: len(ledger.accounts) == 2, "both post", timeout_s=PATIENCE_S)
        timer = threading.Timer(0.1, release.set)
        timer.start()
        load.stop(timeout_s=PATIENCE_S)
        timer.join()
    assert [it.acknowledged for it in ledger.accounts] == [1, 1]


class ScriptedConnection(Connection):
    """Answers by a script; None breaks the connection."""

    def __init__(self, script: Callable[[int], int | Exception]) -> None:
        super().__init__(Target(0, "/", ""))
        self.script = script
        self.versions: list[str | None] = []

    def post(self, file: BinaryIO, body: Body) -> Answer:
        file.seek(body.offset)
        lines = file.read(body.size).splitlines()
        assert len(lines) == body.rows == ROWS
        self.versions.append(msgspec.json.decode(lines[0], type=SentReading).premise_id)
        status = self.script(len(self.versions))
        if isinstance(status, Exception):
            raise status
        acks = {200: "committed", 202: "spooled"}
        accepted = ROWS if status in acks else 0
        content = json.dumps({"accepted": accepted, "ack": acks.get(status)}).encode()
        return Answer(body, status, content)


@pytest.mark.parametrize(
    ("status", "acknowledged", "committed", "noted"),
    [
        (200, 1, 1, "200"),
        (202, 1, 0, "202"),
        (503, 0, 0, "503"),
        (429, 0, 0, "429"),
        (422, 0, 0, "422"),
        (ConnectionResetError(), 0, 0, "ConnectionResetError"),
        (http.client.BadStatusLine("?"), 0, 0, "BadStatusLine"),
        (ConnectionRefusedError(), 0, 0, "ConnectionRefusedError"),
    ],
)
def test_only_an_acknowledgement_promises(
    status: int | Exception, acknowledged: int, committed: int, noted: str
) -> None:
    account, ledger = Account(0, ROWS), Ledger()
    verdict = post_version(ScriptedConnection(lambda _: status), account, 1, ledger)
    assert isinstance(verdict, Acknowledged) is bool(acknowledged)
    assert (account.posted, account.acknowledged, account.committed) == (1, acknowledged, committed)
    assert ledger.answers == {noted: 1}
    assert ledger.wrong_count == (status == 422)
    lost = isinstance(status, ConnectionResetError | http.client.HTTPException)
    assert (account.lost_at_s > 0) is lost


def test_versions_grow_by_one_and_those_without_an_answer_are_given_up_or_repeated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stopping = threading.Event()

    def script(attempt: int) -> int | Exception:
        if attempt == 60:
            stopping.set()
        return (200, 503)[attempt % 3] if attempt % 3 < 2 else ConnectionResetError()

    monkeypatch.setattr("loadtest.ledger.LOST_WAIT_S", 0.0)
    account, ledger = Account(0, ROWS, corrected=True), Ledger()
    connection = ScriptedConnection(script)
    rng = random.Random(1)  # noqa: S311
    correct([account], [connection], ledger, rng, pause_s=0.0, stopping=stopping)
    versions = [int((it or "").removeprefix("v")) for it in connection.versions]
    steps = [new - old for old, new in itertools.pairwise(versions)]
    assert set(steps) == {0, 1}
    acknowledged = [script(number + 1) == 200 for number in range(60)]
    assert all(step == 1 for step, done in zip(steps, acknowledged, strict=False) if done)
    assert any(step == 1 for step, done in zip(steps, acknowledged, strict=False) if not done)
    last = max(it for it, done in zip(versions, acknowledged, strict=True) if done)
    assert (account.posted, account.acknowledged) == (versions[-1], last)
    assert account.attempts == ledger.answers.total() == 60
