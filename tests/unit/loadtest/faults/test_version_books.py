"""The books find each reading of which too old a version is stored, on a real QuestDB."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from loadtest.faults.books import Books
from loadtest.faults.version_books import enter_committed, enter_versions, within
from loadtest.faults.versions import Corrected, reading_of
from loadtest.questdb_rest import QuestDBRest
from loadtest.stored_comparison import TABLE, StoredReading, expected_row
from tests.process.running_service import QuestDBPorts

pytestmark = pytest.mark.questdb

ROWS = 4
COLUMNS = ", ".join(StoredReading.__struct_fields__)

Store = Callable[..., None]


@pytest.fixture
def database(questdb: QuestDBPorts) -> Iterator[QuestDBRest]:
    with QuestDBRest(questdb.http_port) as rest:
        rest.truncate(TABLE)
        yield rest
        rest.truncate(TABLE)


@pytest.fixture
def store(database: QuestDBRest) -> Store:
    """Write one version of the first so many readings of an account, past the service."""

    def write(account: Corrected, version: int, rows: int = ROWS, **changed: object) -> None:
        texts = []
        for key in list(account.each_key())[:rows]:
            row = expected_row(reading_of(key, version))
            values = {name: getattr(row, name) for name in StoredReading.__struct_fields__}
            values |= {"ts": f"{row.ts:%Y-%m-%dT%H:%M:%S.%fZ}"} | changed
            texts.append(f"({', '.join(map(repr, values.values()))})")
        database.execute(f"INSERT INTO {TABLE} ({COLUMNS}) VALUES {', '.join(texts)}")
        database.wait_applied(TABLE)

    return write


def account_of(number: int, *, acknowledged: int, posted: int) -> Corrected:
    return Corrected(number, ROWS, posted, acknowledged, acknowledged, acknowledged, posted)


def found(database: QuestDBRest, *corrected: Corrected) -> Books:
    books = Books()
    enter_versions(books, corrected, database)
    return books


def test_last_acknowledged_version_balances(database: QuestDBRest, store: Store) -> None:
    account = account_of(0, acknowledged=2, posted=2)
    store(account, 1)
    store(account, 2)
    books = found(database, account)
    assert books == Books(keys=ROWS, versions=2 * ROWS, stored=ROWS)
    assert books.balanced


@pytest.mark.parametrize("undone", [1, ROWS])
def test_older_version_than_the_last_acknowledged_one_is_undone(
    undone: int, database: QuestDBRest, store: Store
) -> None:
    account = account_of(3, acknowledged=5, posted=6)
    store(account, 5)
    store(account, 4, undone)
    books = found(database, account)
    assert (books.undone, books.lost, books.wrong, books.balanced) == (undone, 0, 0, False)
    assert books.findings == [
        "2023-12-31T00:00:03+00:00: version 5 was promised,"
        f" version 4 is stored for {undone} of {ROWS}"
    ]


def test_later_version_without_an_acknowledgement_may_be_stored_in_part(
    database: QuestDBRest, store: Store
) -> None:
    account = account_of(0, acknowledged=2, posted=4)
    store(account, 2)
    store(account, 4, 3)
    store(account, 3, 1)
    assert found(database, account).balanced


def test_nothing_is_promised_without_an_acknowledgement(
    database: QuestDBRest, store: Store
) -> None:
    account, other = account_of(0, acknowledged=0, posted=2), Corrected(1, ROWS)
    assert found(database, account, other).balanced
    store(account, 1, 2)
    assert found(database, account, other).balanced


def test_acknowledged_reading_that_is_missing_is_lost(database: QuestDBRest, store: Store) -> None:
    account = account_of(0, acknowledged=1, posted=1)
    store(account, 1, ROWS - 1)
    assert found(database, account).lost == 1


def test_version_that_was_never_posted_and_mixed_columns_are_wrong(
    database: QuestDBRest, store: Store
) -> None:
    early = account_of(0, acknowledged=1, posted=1)
    mixed = account_of(1, acknowledged=2, posted=2)
    store(early, 2)
    store(mixed, 2, premise_id="v1")
    books = found(database, early, mixed)
    assert (books.wrong, books.undone, books.balanced) == (2 * ROWS, 0, False)


def test_reading_of_nobody_is_found(database: QuestDBRest, store: Store) -> None:
    account = account_of(0, acknowledged=1, posted=1)
    store(account, 1)
    store(Corrected(9, ROWS), 1, 2)
    books = found(database, account)
    assert (books.unsent, books.balanced) == (2, False)
    start, end = within([account])
    near = Books()
    enter_versions(near, [account], database, start=start, end=end)
    assert near.balanced
    assert end - start == timedelta(seconds=1)


def test_doubled_reading_is_found(database: QuestDBRest, store: Store) -> None:
    account = account_of(0, acknowledged=1, posted=1)
    database.execute(f"ALTER TABLE {TABLE} DEDUP DISABLE")
    try:
        store(account, 1)
        store(account, 1, 2)
        assert found(database, account).doubled == 2
    finally:
        database.truncate(TABLE)
        database.execute(f"ALTER TABLE {TABLE} DEDUP ENABLE UPSERT KEYS(ts, meter_id)")
        database.wait_applied(TABLE)


def test_committed_version_must_be_there_at_once_and_a_spooled_one_need_not(
    database: QuestDBRest, store: Store
) -> None:
    account = Corrected(0, ROWS)
    for version, committed in ((1, True), (2, False)):
        account.begin(version)
        account.acknowledge(committed=committed)
    books = Books()
    enter_committed(books, [account], database)
    assert books.undone == ROWS
    store(account, 1)
    books = Books()
    enter_committed(books, [account], database)
    assert books.balanced
