"""Counts by the name of a token's holder, never by the token.

The names come from the configuration that a worker was started with. Each has two words behind all
others (`layout`), in the order of the names in the head of the worker's file. Workers are added up
by name, because a reload may change the places.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Final, NamedTuple

from utility_ts_analytics.telemetry.layout import TOKEN_WORDS, WORDS, Words

OTHER: Final = "_other"
"""In the place of names that are too many; no name of the configuration begins with `_`."""

NAMES_MAX: Final = 256
"""That the dead are remembered by, per stream: twice what one configuration can have."""


class TokenNumbers(NamedTuple):
    """Requests and accepted rows of the tokens of one name."""

    requests: int = 0
    rows: int = 0


TokenTotals = dict[str, TokenNumbers]
"""Numbers by name, those that were added to last at the end."""


class TokenCounts:
    """Counts for one worker. Added to once per request.

    Args:
        words: Of the worker; published by others.
        names: In the order of their places; no two are equal.
    """

    def __init__(self, words: Words, names: Sequence[str]) -> None:
        self._words = words
        self._places = {name: _place(index) for index, name in enumerate(names)}

    def add(self, name: str, rows: int) -> None:
        """Count one request and the rows that it is told are accepted.

        Raises:
            KeyError: The worker was started without this name.
        """
        place = self._places[name]
        self._words[place] += 1
        self._words[place + 1] += rows


def add_tokens(totals: TokenTotals, words: Words, names: Sequence[str]) -> None:
    """Add what one worker counted, names that it never met included.

    Args:
        totals: Changed in place.
        words: As the worker published them.
        names: The worker's, in the order of their places.
    """
    for name, numbers in _numbers(words, names):
        add_numbers(totals, name, numbers)


def add_numbers(totals: TokenTotals, name: str, numbers: TokenNumbers) -> None:
    """Add numbers of one name, which becomes the last one added to."""
    before = totals.pop(name, TokenNumbers())
    totals[name] = TokenNumbers(before.requests + numbers.requests, before.rows + numbers.rows)


def forget_names(totals: TokenTotals, *, in_use: Collection[str] = ()) -> None:
    """Put the names that were longest not added to together, so that reloads cannot pile up names.

    Args:
        totals: Changed in place; at most `NAMES_MAX` names are left, beside those in use and
            `OTHER`.
        in_use: Names of living workers, kept: their series must not fall.
    """
    gone = [name for name in totals if name != OTHER and name not in in_use]
    for name in gone[:-NAMES_MAX]:
        add_numbers(totals, OTHER, totals.pop(name))


def _numbers(words: Words, names: Sequence[str]) -> Iterator[tuple[str, TokenNumbers]]:
    for index, name in enumerate(names):
        place = _place(index)
        yield name, TokenNumbers(*words[place : place + TOKEN_WORDS])


def _place(index: int) -> int:
    return WORDS + TOKEN_WORDS * index
