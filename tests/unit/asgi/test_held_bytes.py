"""Array bodies together stay within the bound, and one alone always comes in."""

import pytest

from utility_ts_analytics.asgi.held_bytes import HeldBytes
from utility_ts_analytics.errors import Overloaded


def test_one_body_alone_may_be_larger_than_the_bound() -> None:
    held = HeldBytes(10)
    with held.body() as hold:
        hold(8)
        hold(8)
        assert held.held_bytes == 16
    assert held.held_bytes == 0


def test_body_that_finds_no_room_is_refused_and_the_others_are_not() -> None:
    held = HeldBytes(10)
    with held.body() as first:
        first(6)
        with held.body() as second:
            second(4)
            with pytest.raises(Overloaded, match="channel_capacity_bytes"):
                second(1)
            with pytest.raises(Overloaded):
                first(1)
        first(4)
        with held.body() as third, pytest.raises(Overloaded):
            third(1)
        assert held.held_bytes == 10


def test_room_is_given_back_however_the_request_ends() -> None:
    held = HeldBytes(10)

    def broken() -> None:
        with held.body() as hold:
            hold(5)
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        broken()
    assert held.held_bytes == 0
