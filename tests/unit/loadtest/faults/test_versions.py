"""The accounts of readings with versions, and what a version looks like."""

import pytest
from loadtest.faults.versions import (
    CORRECTED_MAX,
    LOST_WAIT_S,
    VERSIONS_END,
    VERSIONS_START,
    Corrected,
    VersionLedger,
)
from loadtest.stored_comparison import expected_row, pages


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
    monkeypatch.setattr("loadtest.faults.versions.time.monotonic", lambda: now_s)
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
    monkeypatch.setattr("loadtest.faults.versions.CORRECTED_MAX", 1)
    ledger = VersionLedger()
    ledger.open(1)
    with pytest.raises(AssertionError):
        ledger.open(1)
