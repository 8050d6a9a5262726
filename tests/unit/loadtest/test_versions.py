"""The accounts of readings with versions, and what a version looks like."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from loadtest.books import Books
from loadtest.database import QuestDBRest
from loadtest.stored import TABLE, StoredReading, expected_row, pages
from loadtest.versions import (
    CORRECTED_MAX,
    LOST_WAIT_S,
    VERSIONS_END,
    VERSIONS_START,
    Corrected,
    VersionLedger,
    enter_committed,
    enter_versions,
    reading_of,
    within,
)


def test_all_columns_but_key_and_source_tell_the_version() -> None:
    account = Corrected(number=7, rows=3)
    first, second = (
        [expected_row(it) for [*page] in pages(account.body(n).splitlines(), 10) for it in page]
        for n in (1, 2)
    )
    assert [(row.ts, row.meter_id) for row in first] == list(account.each_key())
    for old, new in zip(first, second, strict=True):
        same = {it for it in old.__struct_fields__ if getattr(old, it) == getattr(new, it)}
        assert same == {"ts", "meter_id", "source_system"}
        assert (old.kwh, new.kwh) == (1.0, 2.0)


def test_accounts_never_share_a_key_and_lie_in_their_day() -> None:
    ledger = VersionLedger()
    accounts = [ledger.open(5) for _ in range(4)]
    keys = [key for account in accounts for key in account.each_key()]
    assert len(set(keys)) == 20
    assert all(VERSIONS_START <= ts < VERSIONS_END for ts, _ in keys)
    assert ledger.corrected == accounts
    assert Corrected(CORRECTED_MAX - 1, 1).ts < VERSIONS_END


def test_last_acknowledged_version_counts_and_not_the_last_posted() -> None:
    account = Corrected(0, 1)
    for version, committed in ((1, True), (2, False)):
        account.begin(version)
        account.acknowledge(committed=committed)
    account.begin(3)
    assert (account.posted, account.acknowledged, account.committed) == (3, 2, 1)
    assert (account.acknowledgements, account.attempts) == (2, 3)


def test_newer_version_waits_after_a_lost_answer_and_the_same_one_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_s = 50.0
    monkeypatch.setattr("loadtest.versions.time.monotonic", lambda: now_s)
    account = Corrected(0, 1)
    account.begin(1)
    assert account.wait_s(2) == 0.0
    account.lose()
    assert (account.wait_s(1), account.wait_s(2)) == (0.0, LOST_WAIT_S)
    now_s += 0.75
    assert account.wait_s(2) == LOST_WAIT_S - 0.75
    now_s += 1.0
    assert account.wait_s(2) == 0.0


def test_released_versions_promise_nothing_and_later_ones_do() -> None:
    ledger = VersionLedger()
    account = ledger.open(1)
    account.begin(1)
    account.acknowledge(committed=True)
    ledger.release_acknowledged()
    assert (account.acknowledged, account.committed) == (0, 0)
    account.begin(2)
    account.acknowledge(committed=True)
    assert (account.acknowledged, account.committed) == (2, 2)


def test_more_accounts_than_their_day_holds_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadtest.versions.CORRECTED_MAX", 1)
    ledger = VersionLedger()
    ledger.open(1)
    with pytest.raises(AssertionError):
        ledger.open(1)


pytestmark = pytest.mark.questdb

ROWS = 4
COLUMNS = ", ".join(StoredReading.__struct_fields__)

Store = Callable[..., None]


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
