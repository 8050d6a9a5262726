"""Counts of an input; when a load is complete, and when it is all stored."""

from datetime import UTC, datetime
from pathlib import Path, PurePath

import pytest

from utility_ts_analytics.files import result as account_module
from utility_ts_analytics.files.inputs import Input
from utility_ts_analytics.files.pieces import Extent, Refused
from utility_ts_analytics.files.result import (
    ERRORS_LISTED_MAX,
    Account,
    FileResult,
    LoadResult,
    State,
)


@pytest.mark.parametrize(
    ("state", "refused", "stopped", "complete", "ok"),
    [
        ("complete", 0, None, True, True),
        ("complete-before", 0, None, True, True),
        ("complete", 1, None, True, False),
        ("incomplete", 0, "interrupted", False, False),
        ("failed", 0, None, False, False),
        ("complete", 0, "interrupted", False, False),
    ],
)
def test_all_stored_is_complete_without_refused_rows(
    state: State, refused: int, stopped: str | None, complete: bool, ok: bool
) -> None:
    account = Account()
    account.refuse(
        Refused(number, number, "negative-value", "kwh", "no") for number in range(refused)
    )
    file = FileResult(Input(Path("a"), PurePath("a"), 1), account, state)
    load = LoadResult([file], stopped)
    assert (load.complete, load.ok) == (complete, ok)


def negative(rec: int) -> Refused:
    return Refused(rec, rec, "negative-value", "kwh", "kwh must not be negative")


def torn(rec: int) -> Refused:
    return Refused(rec, rec, "invalid-json", None, "torn")


def test_errors_are_counted_by_code_and_field_and_the_first_listed() -> None:
    account = Account()
    account.refuse(negative(number) for number in range(1, 31))
    account.refuse([torn(31)])
    assert account.refused_rows == 31
    assert (account.parse_errors, account.rejected) == (1, 30)
    assert account.counts == {("negative-value", "kwh"): 30, ("invalid-json", ""): 1}
    assert [error.rec for error in account.errors] == list(range(1, ERRORS_LISTED_MAX + 1))


def test_counts_survive_a_journal() -> None:
    account = Account()
    account.refuse([negative(1), torn(2)])
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
