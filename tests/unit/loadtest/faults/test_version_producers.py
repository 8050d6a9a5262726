"""Producers of versions give up or go on, and their accounts say what was promised."""

import http.client
import itertools
import json
import random
import threading
from collections.abc import Callable
from typing import BinaryIO

import msgspec
import pytest
from loadtest.faults.courier import Courier
from loadtest.faults.ledger import Ledger
from loadtest.faults.version_producers import correct, post_version
from loadtest.faults.versions import Corrected
from loadtest.posting import Answer, Body, Target
from loadtest.stored_comparison import SentReading

ROWS = 3


class ScriptedCourier(Courier):
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

    monkeypatch.setattr("loadtest.faults.versions.LOST_WAIT_S", 0.0)
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
