"""A stream with tokens is closed to everyone without one of them."""

import pytest

from utility_ts_analytics.asgi.auth import BearerAuth
from utility_ts_analytics.errors import Unauthorized


@pytest.mark.parametrize("header", [None, b"", b"Bearer anything"])
def test_a_stream_without_tokens_is_open(header: bytes | None) -> None:
    BearerAuth([]).check_or_raise(header)


@pytest.mark.parametrize("header", [b"Bearer one", b"bearer two", b"BEARER  two "])
def test_each_token_opens_the_stream(header: bytes) -> None:
    BearerAuth(["one", "two"]).check_or_raise(header)


@pytest.mark.parametrize(
    "header",
    [None, b"", b"Bearer", b"Bearer ", b"Bearer on", b"Bearer onetwo", b"Basic one", b"one"],
)
def test_anything_else_is_refused_with_the_challenge(header: bytes | None) -> None:
    with pytest.raises(Unauthorized) as caught:
        BearerAuth(["one", "two"]).check_or_raise(header)
    assert caught.value.headers["www-authenticate"].startswith("Bearer")
