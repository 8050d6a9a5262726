"""Draws: in range whatever the bytes, equal for equal bytes, and cuts that lose nothing."""

import itertools
import math

from hypothesis import given
from hypothesis import strategies as st
from loadtest.fuzz.draws import Draws, cut


@given(st.binary(max_size=40), st.integers(-9, 9), st.integers(0, 70_000))
def test_integers_are_in_range(data: bytes, low: int, span: int) -> None:
    assert low <= Draws(data).integer(low, low + span) <= low + span


@given(st.binary(max_size=60))
def test_texts_and_numbers_are_such_as_a_record_may_hold(data: bytes) -> None:
    draws, again = Draws(data), Draws(data)
    text, number = draws.text(20), draws.number()
    assert "\x00" not in text
    text.encode()
    assert math.isfinite(number)
    assert (again.text(20), again.number()) == (text, number)
    assert draws.rest() == again.rest()
    assert draws.rest() == b""


@given(st.binary(max_size=300), st.lists(st.integers(1, 50), max_size=4))
def test_cuts_lose_nothing(body: bytes, sizes: list[int]) -> None:
    chunks = cut(body, sizes)
    assert b"".join(chunks) == body
    assert all(chunks)
    if sizes:
        assert all(
            len(chunk) <= size for chunk, size in zip(chunks, itertools.cycle(sizes), strict=False)
        )
