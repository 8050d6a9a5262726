"""A port with tokens is closed to everyone without one of them, and knows whose it was."""

import hmac
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utility_ts_analytics.asgi import auth as module
from utility_ts_analytics.asgi.auth import BearerAuth, HeldToken
from utility_ts_analytics.errors import Unauthorized

TOKENS = [HeldToken("head-end", "one"), HeldToken("portal", "two"), HeldToken("head-end", "three")]


def basic(login: bytes) -> bytes:
    return b"Basic " + b64encode(login)


@pytest.mark.parametrize("header", [None, b"", b"Bearer anything"])
def test_a_port_without_tokens_is_open(header: bytes | None) -> None:
    assert BearerAuth([]).holder_or_raise(header) is None


@pytest.mark.parametrize(
    ("header", "holder"),
    [
        (b"Bearer one", "head-end"),
        (b"bearer two", "portal"),
        (b"BEARER  two ", "portal"),
        (b"Bearer three", "head-end"),
    ],
)
def test_each_token_opens_the_port_and_names_its_holder(header: bytes, holder: str) -> None:
    assert BearerAuth(TOKENS).holder_or_raise(header) == holder


REFUSED = [None, b"", b"Bearer", b"Bearer ", b"Bearer on", b"Bearer onetwo", b"Basic one", b"one"]


@pytest.mark.parametrize("header", [*REFUSED, basic(b"any:one"), b"Bearer head-end"])
def test_anything_else_is_refused_with_the_challenge(header: bytes | None) -> None:
    with pytest.raises(Unauthorized) as caught:
        BearerAuth(TOKENS).holder_or_raise(header)
    assert caught.value.headers == {"www-authenticate": 'Bearer realm="ingest"'}
    assert "one" not in caught.value.detail


@given(st.binary(max_size=30))
def test_no_other_bytes_open_the_port(token: bytes) -> None:
    accepted = token.strip() in (b"one", b"two", b"three")
    try:
        BearerAuth(TOKENS).holder_or_raise(b"Bearer " + token)
    except Unauthorized:
        assert not accepted
    else:
        assert accepted


@pytest.mark.parametrize("sent", ["one", "two", "three", "none"])
def test_every_token_is_compared_whichever_matches(
    sent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[bytes] = []

    def noting(one: bytes, other: bytes) -> bool:
        compared.append(other)
        return hmac.compare_digest(one, other)

    monkeypatch.setattr(module, "compare_digest", noting)
    try:
        BearerAuth(TOKENS).holder_or_raise(b"Bearer " + sent.encode())
    except Unauthorized:
        assert sent == "none"
    assert len(compared) == len(TOKENS)
    assert {len(digest) for digest in compared} == {32}, "no length of a token shows"


@pytest.mark.parametrize("login", [b":one", b"admin:one", b"\xff:one"])
def test_a_password_is_taken_where_people_may_come_by_browser(login: bytes) -> None:
    assert BearerAuth(TOKENS, basic=True).holder_or_raise(basic(login)) == "head-end"


@pytest.mark.parametrize(
    "header",
    [*REFUSED, basic(b"one"), basic(b"one:"), basic(b"a:b:one"), b"Basic \xff", b"Basic a"],
)
def test_other_passwords_are_refused_with_both_challenges(header: bytes | None) -> None:
    with pytest.raises(Unauthorized) as caught:
        BearerAuth(TOKENS, realm="operations", basic=True).holder_or_raise(header)
    assert caught.value.headers == {
        "www-authenticate": 'Basic realm="operations", Bearer realm="operations"'
    }


def test_a_token_is_not_shown() -> None:
    assert "one" not in repr(TOKENS)
