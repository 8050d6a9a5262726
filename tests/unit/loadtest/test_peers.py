"""What a way acknowledged and did not store is lost, and the service may lose nothing."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from loadtest.books import Books
from loadtest.client import Answer, Target
from loadtest.database import QuestDBRest
from loadtest.peers import command, ways
from loadtest.peers.command import Load, Turn, broken_promises, line
from loadtest.peers.ways import Way
from loadtest.readings import Body
from loadtest.servers import running_asgi
from tests.process.running_service import QuestDBPorts
from tests.unit.loadtest.http_server import Handler, serving

BODY = Body(0, 100, 5)
GOOD = Turn(
    answers=[Answer(BODY, 200, b'{"accepted":5,"ack":"committed"}', taken_s=0.002)],
    refused=0,
    accepted=5,
    acknowledged_s=1.0,
    stored_s=2.0,
    cpu_s=0.01,
    questdb_cpu_s=0.02,
    peak_mib=1.0,
    books=Books(acknowledged=5, stored=5),
)


class Forgetful(Handler):
    """Acknowledges each body but every third, which it refuses, and stores none."""

    posts = 0

    def reply(self) -> None:
        body, _ = self.read_body()
        assert body[:1] + body[-1:] == b"[]"
        Forgetful.posts += 1
        self.answer(204 if Forgetful.posts % 3 else 500, b"")


@pytest.fixture
def load(database: QuestDBRest, tmp_path: Path) -> Load:
    return Load(database, os.getpid(), tmp_path, body_rows=5, posts=3, connections=1)


@pytest.mark.questdb
def test_acknowledged_rows_that_never_come_are_lost(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "_QUIET_S", 0.1)
    with serving(Forgetful) as port:
        turn = load.turn("forgetful", Way(Target(port), os.getpid(), arrays=True))
    assert (turn.accepted, turn.refused) == (10, 1)
    assert (turn.books.stored, turn.books.lost, turn.books.doubled) == (0, 10, 0)
    assert all(answer.taken_s > 0 for answer in turn.answers)


@pytest.mark.questdb
@pytest.mark.process
def test_plain_asyncpg_stores_every_value_of_the_rows_that_it_accepts(
    load: Load, questdb: QuestDBPorts, tmp_path: Path
) -> None:
    application = Path(ways.__file__).with_name("plain_asyncpg.py")
    with running_asgi(application, tmp_path / "log", QUESTDB_URI=questdb.pg_uri) as server:
        turn = load.turn("asyncpg", Way(Target(server.port), server.pid))
    assert (turn.accepted, turn.refused) == (15, 0)
    assert turn.books == Books(acknowledged=15, stored=15)


@pytest.mark.parametrize(
    "turn",
    [
        replace(GOOD, books=Books(acknowledged=5, stored=4, lost=1)),
        replace(GOOD, books=Books(acknowledged=5, stored=6, doubled=1)),
        replace(GOOD, books=Books(acknowledged=5, stored=5, wrong=1)),
        replace(GOOD, accepted=0),
        replace(GOOD, answers=[Answer(BODY, 503, b"{}")]),
    ],
)
def test_the_service_must_store_each_row_that_it_accepts_once(turn: Turn) -> None:
    assert broken_promises([GOOD]) == []
    assert broken_promises([GOOD, turn]) != []


def test_line_has_rates_sums_and_times() -> None:
    other = replace(GOOD, accepted=0, refused=1, books=Books(lost=2))
    cells = [cell.strip() for cell in line("a way", 5, [GOOD, GOOD, other]).split("|")[1:-1]]
    assert cells[:4] == ["a way", "5", "5", "2"]
    assert cells[4:10] == ["10", "10", "1", "2", "0", "0"]
    assert cells[10:] == ["2.0", "2.0", "2,000.0", "4,000.0"]


def test_without_telegraf_the_command_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert ways.found_telegraf(None) is None
    assert ways.found_telegraf(tmp_path / "telegraf") is None
    assert "go install" in ways.HOW_TO_GET_TELEGRAF
    assert "--telegraf PATH" in ways.HOW_TO_GET_TELEGRAF
