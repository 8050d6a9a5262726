"""What became of an input, counted."""

from datetime import UTC, datetime

import pytest

from utility_ts_analytics.ingest import account as account_module
from utility_ts_analytics.ingest.account import ERRORS_LISTED_MAX, Account
from utility_ts_analytics.ingest.pieces import Extent
from utility_ts_analytics.records.validation import RowError


def negative(position: int) -> RowError:
    return RowError(position, "negative-value", "kwh", "kwh must not be negative")


def test_errors_are_counted_by_code_and_field_and_the_first_listed() -> None:
    account = Account()
    account.refuse(negative(number) for number in range(1, 31))
    account.refuse([RowError(31, "invalid-json", None, "torn")])
    assert account.refused_rows == 31
    assert (account.parse_errors, account.rejected) == (1, 30)
    assert account.counts == {("negative-value", "kwh"): 30, ("invalid-json", ""): 1}
    assert [error.position for error in account.errors] == list(range(1, ERRORS_LISTED_MAX + 1))


def test_counts_survive_a_journal() -> None:
    account = Account()
    account.refuse([negative(1), RowError(2, "invalid-json", None, "torn")])
    resumed = Account()
    resumed.take_counts(account.counts_by_text())
    resumed.refuse([negative(3)])
    assert resumed.counts == {("negative-value", "kwh"): 2, ("invalid-json", ""): 1}


def test_span_grows_to_both_sides_and_keys_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    days = [datetime(2024, 1, day, tzinfo=UTC) for day in (1, 2, 3, 4)]
    account = Account()
    assert (account.first, account.last, account.key_count) == (None, None, 0)
    account.span(Extent(days[1], days[2], frozenset({"a", "b"})))
    account.span(Extent(days[0], days[1], frozenset({"b", "c"})))
    account.span(Extent(days[3], days[3], frozenset()))
    assert (account.first, account.last, account.key_count) == (days[0], days[3], 3)
    monkeypatch.setattr(account_module, "KEYS_COUNTED_MAX", 3)
    assert account.key_count is None
