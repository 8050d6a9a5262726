"""The books of the fault suite find whatever was not promised so, on a real QuestDB."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from loadtest.books import Books, balance
from loadtest.database import QuestDBRest
from loadtest.ledger import Entry
from loadtest.readings import split_bodies
from loadtest.stored import TABLE, SentReading, StoredReading, expected_row

pytestmark = pytest.mark.questdb

BODIES, BODY_ROWS, PAGE_ROWS = 10, 6, 8
METERS = 4
COLUMNS = ", ".join(StoredReading.__struct_fields__)


def line(number: int) -> bytes:
    minute = number // METERS
    reading = {
        "ts": f"2024-05-01T00:{minute:02}:00Z",
        "meter_id": f"m-{number % METERS}",
        "kwh": number + 0.1,
        "source_system": "HES",
    }
    return json.dumps(reading).encode() + b"\n"


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    path = tmp_path / "readings.ndjson"
    path.write_bytes(b"".join(map(line, range(BODIES * BODY_ROWS))))
    return path


@pytest.fixture
def entries(lines: Path) -> list[Entry]:
    """All bodies but the last one were sent and acknowledged."""
    return [
        Entry(index, it, sent_rows=it.rows, promised_rows=it.rows, acknowledged=True)
        for index, it in enumerate(split_bodies(lines, BODY_ROWS)[:-1])
    ]


@pytest.fixture
def without_dedup(database: QuestDBRest) -> Iterator[None]:
    """The table keeps what it is given, as often as it is given."""
    database.execute(f"ALTER TABLE {TABLE} DEDUP DISABLE")
    yield
    database.truncate(TABLE)
    database.execute(f"ALTER TABLE {TABLE} DEDUP ENABLE UPSERT KEYS(ts, meter_id)")
    database.wait_applied(TABLE)


def store(database: QuestDBRest, numbers: range, **changed: object) -> None:
    """Write what these lines must become, past the service."""
    rows = []
    for number in numbers:
        row = expected_row(msgspec.json.decode(line(number), type=SentReading))
        values = {name: getattr(row, name) for name in StoredReading.__struct_fields__} | changed
        values["ts"] = f"{row.ts:%Y-%m-%dT%H:%M:%S.%fZ}"
        rows.append(f"({', '.join(map(literal, values.values()))})")
    database.execute(f"INSERT INTO {TABLE} ({COLUMNS}) VALUES {', '.join(rows)}")
    database.wait_applied(TABLE)


def literal(value: object) -> str:
    return "null" if value is None else f"'{value}'" if isinstance(value, str) else repr(value)


def found(path: Path, entries: list[Entry], database: QuestDBRest) -> Books:
    return balance(path, entries, database, page_rows=PAGE_ROWS)


SENT = range((BODIES - 1) * BODY_ROWS)


def test_books_balance_where_everything_is_there_once(
    lines: Path, entries: list[Entry], database: QuestDBRest
) -> None:
    store(database, SENT)
    books = found(lines, entries, database)
    assert books == Books(acknowledged=len(SENT), stored=len(SENT))
    assert books.balanced


@pytest.mark.parametrize("number", [0, 17, len(SENT) - 1])
def test_lost_row_is_found(
    number: int, lines: Path, entries: list[Entry], database: QuestDBRest
) -> None:
    if number > 0:
        store(database, range(number))
    if number < len(SENT) - 1:
        store(database, range(number + 1, len(SENT)))
    books = found(lines, entries, database)
    assert (books.lost, books.stored, books.balanced) == (1, len(SENT) - 1, False)
    assert books.findings == [
        f"body {number // BODY_ROWS}: 6 of 6 rows were promised, 1 of them are not stored"
    ]


@pytest.mark.usefixtures("without_dedup")
def test_doubled_row_is_found(lines: Path, entries: list[Entry], database: QuestDBRest) -> None:
    store(database, SENT)
    store(database, range(20, 22))
    books = found(lines, entries, database)
    assert (books.doubled, books.lost, books.balanced) == (2, 0, False)
    assert "sent once, stored a further row" in books.findings[0]


def test_changed_value_is_found(lines: Path, entries: list[Entry], database: QuestDBRest) -> None:
    store(database, SENT)
    store(database, range(20, 21), kwh=20.10000000000001, quality_flag="VALID")
    books = found(lines, entries, database)
    assert (books.wrong, books.doubled, books.lost, books.balanced) == (1, 0, 0, False)
    assert ["kwh" in books.findings[0], "quality_flag" in books.findings[1]] == [True, True]


def test_row_that_nobody_sent_is_found(
    lines: Path, entries: list[Entry], database: QuestDBRest
) -> None:
    store(database, SENT)
    store(database, range(len(SENT), len(SENT) + 1))
    store(database, range(5, 6), meter_id="stranger")
    books = found(lines, entries, database)
    assert (books.unsent, books.balanced) == (2, False)


def test_body_without_an_answer_may_be_stored_in_part(
    lines: Path, entries: list[Entry], database: QuestDBRest
) -> None:
    entries[-1] = replace(entries[-1], acknowledged=False, promised_rows=0)
    store(database, range(len(SENT) - 2))
    books = found(lines, entries, database)
    assert (books.balanced, books.acknowledged) == (True, len(SENT) - BODY_ROWS)


def test_rows_that_an_error_called_accepted_are_promised(
    lines: Path, entries: list[Entry], database: QuestDBRest
) -> None:
    entries[-1] = replace(entries[-1], acknowledged=False, promised_rows=5)
    store(database, range(len(SENT) - 2))
    assert found(lines, entries, database).lost == 1


def test_line_that_was_never_ended_must_not_be_stored(
    lines: Path, entries: list[Entry], database: QuestDBRest
) -> None:
    entries[3] = replace(entries[3], acknowledged=False, promised_rows=0, sent_rows=2)
    store(database, range(3 * BODY_ROWS + 2))
    store(database, range(4 * BODY_ROWS, len(SENT)))
    assert found(lines, entries, database).balanced
    store(database, range(3 * BODY_ROWS + 2, 3 * BODY_ROWS + 3))
    books = found(lines, entries, database)
    assert (books.unsent, books.balanced) == (1, False)


def test_released_body_may_be_gone_and_counts_nowhere(
    lines: Path, entries: list[Entry], database: QuestDBRest
) -> None:
    entries[0] = replace(entries[0], released=True)
    store(database, range(BODY_ROWS, len(SENT)))
    books = found(lines, entries, database)
    assert (books.balanced, books.acknowledged) == (True, len(SENT) - BODY_ROWS)


def test_run_without_a_body_leaves_an_empty_table(lines: Path, database: QuestDBRest) -> None:
    assert found(lines, [], database) == Books()
    store(database, range(1))
    assert found(lines, [], database).unsent == 1
