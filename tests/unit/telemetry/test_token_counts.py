"""Numbers keep their name, in whatever place it was, and names do not pile up."""

import pytest

from utility_ts_analytics.config import NamedToken
from utility_ts_analytics.telemetry.layout import add_dead, add_living, new_words
from utility_ts_analytics.telemetry.token_counts import (
    NAMES_MAX,
    OTHER,
    TokenCounts,
    TokenNumbers,
    TokenTotals,
    add_numbers,
    add_tokens,
    forget_names,
)


def test_each_name_has_numbers_of_its_own() -> None:
    words = new_words(3)
    untouched = list(new_words())
    counts = TokenCounts(words, ["a", "b", "c"])
    counts.add("a", 10)
    counts.add("c", 0)
    counts.add("c", 7)
    totals: TokenTotals = {}
    add_tokens(totals, words, ["a", "b", "c"])
    assert totals == {"a": (1, 10), "b": (0, 0), "c": (2, 7)}
    assert list(words[: len(untouched)]) == untouched


def test_name_that_nobody_configured_is_a_fault_of_ours() -> None:
    with pytest.raises(KeyError):
        TokenCounts(new_words(1), ["a"]).add("b", 1)


def test_workers_are_added_up_by_name_and_not_by_place() -> None:
    totals: TokenTotals = {}
    for names in (["old", "new"], ["new"], ["new", "newer"]):
        words = new_words(len(names))
        counts = TokenCounts(words, names)
        for rows, name in enumerate(names, 1):
            counts.add(name, rows)
        add_tokens(totals, words, names)
        for add in (add_dead, add_living):
            total = new_words()
            add(total, words)
            assert len(total) == len(new_words())
            assert not any(total), "what goes by name is in no sum of places"
    assert totals == {"old": (1, 1), "new": (3, 4), "newer": (1, 2)}


def test_names_longest_gone_are_put_together_and_none_that_is_in_use() -> None:
    totals: TokenTotals = {}
    for index in range(NAMES_MAX + 3):
        add_numbers(totals, f"n{index}", TokenNumbers(1, 10))
    add_numbers(totals, "n0", TokenNumbers(1, 0))
    for _ in range(2):
        forget_names(totals, in_use={"n2"})
        assert totals["n0"] == (2, 10), "it was added to last"
        assert totals["n2"] == (1, 10), "it is in use"
        assert totals[OTHER] == (2, 20)
        assert {"n1", "n3"}.isdisjoint(totals)
        assert len(totals) == NAMES_MAX + 2
    forget_names(totals)
    assert totals[OTHER] == (3, 30), "in use no longer"
    assert "n2" not in totals


def test_holder_cannot_have_the_name_of_those_put_together() -> None:
    with pytest.raises(ValueError, match="begins with a letter"):
        NamedToken.parse(f"{OTHER}:0123456789abcdef")
