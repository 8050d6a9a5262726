"""The books find whatever was not promised so, on a real QuestDB."""

from collections.abc import Callable, Iterator

import pytest
from loadtest.books import Books, balance, balance_committed
from loadtest.database import QuestDBRest
from loadtest.ledger import Account, reading_of
from loadtest.stored import TABLE, StoredReading, expected_row

pytestmark = pytest.mark.questdb

ROWS = 6
COLUMNS = ", ".join(StoredReading.__struct_fields__)
Store = Callable[..., None]


@pytest.fixture
def store(database: QuestDBRest) -> Store:
    """Write some readings of accounts in one version, past the service."""

    def write(
        *accounts: Account, version: int = 1, rows: slice = slice(None), **changed: object
    ) -> None:
        texts = []
        for key in (key for account in accounts for key in list(account.each_key())[rows]):
            row = expected_row(reading_of(key, version))
            values = {name: getattr(row, name) for name in StoredReading.__struct_fields__}
            values |= {"ts": f"{row.ts:%Y-%m-%dT%H:%M:%S.%fZ}"} | changed
            texts.append(f"({', '.join(map(repr, values.values()))})")
        database.execute(f"INSERT INTO {TABLE} ({COLUMNS}) VALUES {', '.join(texts)}")
        database.wait_applied(TABLE)

    return write


@pytest.fixture
def without_dedup(database: QuestDBRest) -> Iterator[None]:
    """The table keeps what it is given, as often as it is given."""
    database.execute(f"ALTER TABLE {TABLE} DEDUP DISABLE")
    yield
    database.truncate(TABLE)
    database.execute(f"ALTER TABLE {TABLE} DEDUP ENABLE UPSERT KEYS(ts, meter_id)")
    database.wait_applied(TABLE)


def sent(number: int, acknowledged: int = 1, posted: int = 1, **fields: object) -> Account:
    account = Account(number, ROWS, posted=posted, sent_rows=ROWS, acknowledged=acknowledged)
    account.acknowledgements = account.committed = acknowledged
    for name, value in fields.items():
        setattr(account, name, value)
    return account


def corrected(number: int, acknowledged: int, posted: int) -> Account:
    return sent(number, acknowledged, posted, corrected=True)


def found(database: QuestDBRest, *accounts: Account) -> Books:
    return balance(Books(), accounts, database, page_rows=2 * ROWS)


def counts(books: Books) -> dict[str, int]:
    """What does not balance."""
    names = ("undone", "lost", "doubled", "wrong", "unsent")
    assert books.balanced == (not any(getattr(books, name) for name in names))
    return {name: value for name in names if (value := getattr(books, name))}


def test_books_balance_where_everything_is_there_once(database: QuestDBRest, store: Store) -> None:
    accounts = [*map(sent, range(5)), corrected(5, 2, 2)]
    store(*accounts)
    store(accounts[5], version=2)
    books = found(database, *accounts)
    assert books == Books(5 * ROWS, keys=ROWS, versions=2 * ROWS, stored=6 * ROWS)
    assert books.balanced


@pytest.mark.parametrize("number", [0, 2, 4])
def test_lost_row_is_found(number: int, database: QuestDBRest, store: Store) -> None:
    accounts = [sent(it) for it in range(5)]
    store(*accounts[:number], *accounts[number + 1 :])
    store(accounts[number], rows=slice(1, None))
    books = found(database, *accounts)
    assert counts(books) == {"lost": 1}
    [finding] = books.findings
    assert finding.endswith("6 of 6 rows were promised, 1 of them are not stored")


@pytest.mark.usefixtures("without_dedup")
def test_doubled_row_is_found(database: QuestDBRest, store: Store) -> None:
    store(sent(0))
    store(sent(0), rows=slice(2))
    assert counts(found(database, sent(0))) == {"doubled": 2}


@pytest.mark.parametrize(
    "changed",
    [
        {"kwh": 1.25},
        {"quality_flag": "?"},
        {"premise_id": "v2"},
        {"premise_id": "x"},
        {"event_id": ""},
    ],
)
def test_changed_value_is_found(
    changed: dict[str, object], database: QuestDBRest, store: Store
) -> None:
    store(sent(0))
    store(sent(0), rows=slice(1), **changed)
    books = found(database, sent(0))
    assert counts(books) == {"wrong": 1}
    assert next(iter(changed)) in books.findings[0]


@pytest.mark.parametrize(
    "ts", ["1999-01-01T00:00:00Z", "2024-01-01T00:01:00Z", "2200-01-01T00:00:00Z"]
)
def test_row_that_nobody_sent_is_found_wherever_it_lies(
    ts: str, database: QuestDBRest, store: Store
) -> None:
    accounts = [sent(it) for it in range(5)]
    store(*accounts)
    store(accounts[0], rows=slice(1), ts=ts)
    store(accounts[0], rows=slice(1), meter_id="stranger")
    books = found(database, *accounts)
    assert counts(books) == {"unsent": 2}


def test_only_rows_within_the_span_count_where_the_table_has_others(
    database: QuestDBRest, store: Store
) -> None:
    store(sent(0), sent(1), sent(2))
    books = balance(Books(), [sent(1)], database, whole_table=False)
    assert (books.balanced, books.stored) == (True, ROWS)


def test_body_without_an_answer_may_be_stored_in_part(database: QuestDBRest, store: Store) -> None:
    account = sent(0, acknowledged=0)
    assert found(database, account).balanced
    store(account, rows=slice(4))
    assert found(database, account) == Books(stored=4)


def test_rows_that_an_error_called_accepted_are_promised(
    database: QuestDBRest, store: Store
) -> None:
    account = sent(0, acknowledged=0, promised_rows=5)
    store(account, rows=slice(4))
    assert counts(found(database, account)) == {"lost": 1}


def test_line_that_was_never_ended_must_not_be_stored(database: QuestDBRest, store: Store) -> None:
    account = sent(0, acknowledged=0, sent_rows=2)
    store(account, rows=slice(2))
    assert found(database, account).balanced
    store(account, rows=slice(3))
    assert counts(found(database, account)) == {"unsent": 1}


def test_run_without_a_body_leaves_an_empty_table(database: QuestDBRest, store: Store) -> None:
    assert found(database) == Books()
    store(sent(0), rows=slice(1))
    assert found(database).unsent == 1


@pytest.mark.parametrize("undone", [1, ROWS])
def test_older_version_than_the_last_acknowledged_one_is_undone(
    undone: int, database: QuestDBRest, store: Store
) -> None:
    account = corrected(3, acknowledged=5, posted=6)
    store(account, version=5)
    store(account, version=4, rows=slice(undone))
    books = found(database, account)
    assert counts(books) == {"undone": undone}
    [finding] = books.findings
    assert finding.endswith(f"version 5 was promised, version 4 is stored for {undone} of {ROWS}")


def test_later_version_without_an_acknowledgement_may_be_stored_in_part(
    database: QuestDBRest, store: Store
) -> None:
    account = corrected(0, acknowledged=2, posted=4)
    for version, rows in ((2, ROWS), (4, 3), (3, 1)):
        store(account, version=version, rows=slice(rows))
    assert found(database, account).balanced


def test_version_that_was_never_posted_and_mixed_columns_are_wrong(
    database: QuestDBRest, store: Store
) -> None:
    early, mixed = corrected(0, 1, 1), corrected(1, 2, 2)
    store(early, version=2)
    store(mixed, version=2, premise_id="v1")
    assert counts(found(database, early, mixed)) == {"wrong": 2 * ROWS}


def test_committed_version_must_be_there_at_once_and_a_spooled_one_need_not(
    database: QuestDBRest, store: Store
) -> None:
    account = corrected(0, 2, 2)
    account.committed = 1
    books = Books()
    balance_committed(books, [account], database)
    assert counts(books) == {"undone": ROWS}
    store(account, version=1)
    books = Books()
    balance_committed(books, [account], database)
    assert books.balanced
