"""The proof of "stored once, every value as sent", on few rows and a real service; and that it can
fail."""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from loadtest import twice
from loadtest.bench import end_to_end
from loadtest.books import Books, balance
from loadtest.database import QuestDBRest
from loadtest.ledger import Account, Ledger, reading_of
from loadtest.service import PROJECT, ServiceProcess, ServiceSettings, running_service
from loadtest.stored import TABLE, Key
from loadtest.twice import Settings, post_passes, report
from tests.process.running_service import QuestDBPorts

pytestmark = [pytest.mark.process, pytest.mark.questdb]

ROWS = 20_000
SETTINGS = Settings(rows=ROWS, connections=4, times=2, body_rows=1500)
PAGE_ROWS = 3000
OTHER_COLUMNS = "event_id, meter_id, premise_id, kvarh, kva_demand, quality_flag, source_system"

Post = Callable[[], tuple[Ledger, list[str]]]


@pytest.fixture(scope="module")
def running(
    questdb: QuestDBPorts, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServiceProcess]:
    """A service as the proof starts it."""
    with running_service(tmp_path_factory.mktemp("proof"), questdb, ServiceSettings()) as service:
        yield service


@pytest.fixture
def database(questdb: QuestDBPorts) -> Iterator[QuestDBRest]:
    """The session's QuestDB with nothing in the table."""
    with QuestDBRest(questdb.http_port) as rest:
        rest.truncate(TABLE)
        yield rest
        rest.truncate(TABLE)


@pytest.fixture
def post(running: ServiceProcess, database: QuestDBRest, tmp_path: Path) -> Post:
    """Post readings as the proof does."""
    port = running.meter_usage_port
    return lambda: post_passes(tmp_path / "readings.ndjson", port, database, SETTINGS)


def insert_changed(database: QuestDBRest, where: Key, *, kwh: str, ts: str = "ts") -> None:
    """Write a copy of one stored row that differs in these columns, past the service."""
    database.execute(
        f"INSERT INTO {TABLE} (ts, kwh, {OTHER_COLUMNS}) SELECT {ts}, {kwh}, {OTHER_COLUMNS}"
        f" FROM {TABLE} WHERE ts = '{where[0]:%Y-%m-%dT%H:%M:%S.%fZ}'"
        f" AND meter_id = '{where[1]}'"
    )
    database.wait_applied(TABLE)


def test_readings_posted_twice_are_stored_once_with_every_value(
    post: Post, database: QuestDBRest, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger, faults = post()
    books = balance(Books(), ledger.accounts, database, page_rows=PAGE_ROWS)
    assert faults == []
    assert books == Books(acknowledged=ROWS, stored=ROWS)
    assert report(books, faults, table_rows=ROWS) == 0
    assert "pass 2: 20000 rows" in capsys.readouterr().out


def test_one_altered_value_is_reported_as_exactly_that_row(
    post: Post, database: QuestDBRest, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger, _ = post()
    victim = list(ledger.accounts[5].each_key())[700]
    insert_changed(database, victim, kwh="kwh + 0.001")
    books = balance(Books(), ledger.accounts, database, page_rows=PAGE_ROWS)
    [found] = books.findings
    where = f"{victim[0].isoformat()} {victim[1]}"
    assert found.startswith(f"{where}: version 1: kwh sent {reading_of(victim, 1).kwh!r}, stored ")
    assert (books.stored, books.wrong) == (ROWS, 1)
    assert (books.lost, books.doubled, books.unsent) == (0, 0, 0)
    assert report(books, [], table_rows=ROWS) == 1
    assert f"difference: {found}" in capsys.readouterr().out


@pytest.mark.parametrize("ts", ["'1999-01-01'::timestamp", "'2200-01-01'::timestamp"])
def test_row_that_was_never_sent_is_reported_wherever_it_lies(
    post: Post, database: QuestDBRest, ts: str
) -> None:
    ledger, _ = post()
    insert_changed(database, next(ledger.accounts[0].each_key()), kwh="kwh", ts=ts)
    books = balance(Books(), ledger.accounts, database, page_rows=PAGE_ROWS)
    [found] = books.findings
    assert found.startswith(ts[1:11])
    assert found.endswith("stored, and not sent")
    assert (books.unsent, books.balanced) == (1, False)


def test_readings_that_never_arrived_are_reported(post: Post, database: QuestDBRest) -> None:
    ledger, _ = post()
    later = ledger.open(1)
    later.begin(1)
    later.acknowledged = 1
    books = balance(Books(), ledger.accounts, database, page_rows=PAGE_ROWS)
    assert (books.lost, books.doubled, books.wrong, books.unsent) == (1, 0, 0, 0)
    assert books.stored == ROWS


def test_refused_line_is_a_wrong_answer_in_every_pass(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = Account.body
    bad = b'{"ts":"2024-05-01T00:00:00Z","meter_id":"m"}\n'
    last = ROWS // SETTINGS.body_rows
    monkeypatch.setattr(
        Account, "body", lambda it, version: body(it, version) + bad * (it.number == last)
    )
    _, faults = post()
    assert [fault.partition(",")[0] for fault in faults] == ["pass 1", "pass 2"]


def test_proof_runs_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    """With a QuestDB and a service of its own, all of them ended when it returns."""
    assert twice.main(["--rows", "5000", "--body-rows", "700"]) == 0
    output = capsys.readouterr().out
    assert "stored 5000 rows of 5000: 0 lost, 0 doubled, 0 wrong, 0 not sent" in output


def test_bench_takes_turns_with_another_checkout(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "result.json"
    arguments = ["--rows", "5000", "--pairs", "1", "--warm-up", "1", "--body-rows", "2000"]
    assert end_to_end.main([*arguments, "--beside", str(PROJECT), "--out", str(out)]) == 0
    result = msgspec.json.decode(out.read_bytes(), type=end_to_end.Result)
    assert result.beside is not None
    assert [turn.side for turn in result.turns] == ["service", "direct"]
    assert [turn.side for turn in result.beside.turns] == ["beside", "direct"]
    assert "beside: median of 1 pairs" in capsys.readouterr().out


def test_bench_runs_by_itself_and_writes_its_result(tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    arguments = ["--rows", "10000", "--pairs", "2", "--warm-up", "1", "--body-rows", "2000"]
    assert end_to_end.main([*arguments, "--out", str(out)]) == 0
    result = msgspec.json.decode(out.read_bytes(), type=end_to_end.Result)
    assert [turn.side for turn in result.turns] == ["service", "direct", "direct", "service"]
    assert all(turn.rows == 10_000 and turn.visible_s > 0 for turn in result.turns)
    assert len(result.ratios) == 2
    assert result.service_cpu_us_per_row > 0
    assert result.commit
