import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utility_ts_analytics.config.model import Config
from utility_ts_analytics.config.values import (
    Address,
    AllowedHost,
    BearerToken,
    BindAddress,
    NamedToken,
    Origin,
    Secret,
)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:9000", "127.0.0.1", 9000),
        ("questdb:1", "questdb", 1),
        ("quest-db.example.org:65535", "quest-db.example.org", 65535),
        ("quest_db:9000", "quest_db", 9000),
        ("localhost:9000", "localhost", 9000),
        ("[::1]:9000", "::1", 9000),
        ("[2001:DB8::0001]:9000", "2001:db8::1", 9000),
    ],
)
def test_address_is_read(text: str, host: str, port: int) -> None:
    address = Address.parse(text)
    assert (address.host, address.port) == (host, port)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "9000",
        ":9000",
        "host:",
        "host",
        "host:0",
        "host:65536",
        "host:-1",
        "host:9000 ",
        " host:9000",
        "host:9000\n",
        "host:٩٠٠٠",
        "ho st:9000",
        "host;x=1:9000",
        "http://host:9000",
        "user@host:9000",
        "999.1.1.1:9000",
        "1.2.3:9000",
        "::1:9000",
        "[::1]",
        "[:::1]:9000",
        "[1.2.3.4]:9000",
        "[fe80::1%eth0]:9000",
        "-host:9000",
        "h" * 254 + ":9000",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="host:port with a port"):
        Address.parse(text)


@pytest.mark.parametrize("text", ["127.0.0.1:9000", "questdb:9000", "[::1]:9000"])
def test_address_reads_what_it_writes(text: str) -> None:
    assert str(Address.parse(text)) == text
    assert Address.parse(text) == Address.parse(str(Address.parse(text)))
    assert hash(Address.parse(text)) == hash(Address.parse(text))


def test_addresses_differ_by_host_port_and_kind() -> None:
    assert Address("a", 1) != Address("a", 2)
    assert Address("a", 1) != Address("b", 1)
    assert BindAddress("127.0.0.1", 1) != Address("127.0.0.1", 1)


def test_address_shows_itself() -> None:
    assert repr(BindAddress("::", 7001)) == "BindAddress('[::]:7001')"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("0.0.0.0:7001", "0.0.0.0:7001"),
        ("localhost:7001", "127.0.0.1:7001"),
        ("[::]:7001", "[::]:7001"),
    ],
)
def test_bind_address_is_an_ip_address(text: str, written: str) -> None:
    assert str(BindAddress.parse(text)) == written


@pytest.mark.parametrize(
    "text", ["myhost:7001", "LOCALHOST:7001", "7001", "127.0.0.1", "1.2.3:7001"]
)
def test_bind_address_with_a_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="an IP address and a port"):
        BindAddress.parse(text)


def test_wildcards_are_known() -> None:
    assert BindAddress.parse("0.0.0.0:1").is_wildcard
    assert not BindAddress.parse("0.0.0.0:1").is_loopback
    assert BindAddress.parse("localhost:1").is_loopback
    assert BindAddress.parse("[::]:1").is_wildcard
    assert not BindAddress.parse("127.0.0.1:1").is_wildcard


@given(st.text(min_size=4, max_size=50).filter(lambda text: text not in "Secret('***')"))
def test_secret_shows_only_when_asked(text: str) -> None:
    secret = Secret(text)
    assert secret.reveal() == text
    for shown in (str(secret), repr(secret), f"{secret}", f"{secret!r}", f"{[secret]}"):
        assert text not in shown


def test_secret_is_not_encoded() -> None:
    with pytest.raises(TypeError, match="unsupported"):
        msgspec.json.encode(Secret("quiet"))


def test_secrets_are_equal_by_text_and_kind() -> None:
    assert Secret("a") == Secret("a")
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert Secret("a") != BearerToken("a")


@pytest.mark.parametrize("text", ["x", "with blank", "pässwort", "x" * 4096])
def test_secret_of_printable_characters_is_read(text: str) -> None:
    assert Secret.parse(text).reveal() == text


@pytest.mark.parametrize("text", ["", "tab\there", "line\n", "nul\0", "x" * 4097])
def test_secret_with_other_characters_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"1\.\.4096 printable characters"):
        Secret.parse(text)


@pytest.mark.parametrize("text", ["x", "abc-._~+/123==", "!#$%", "x" * 4096])
def test_token_of_visible_ascii_is_read(text: str) -> None:
    assert BearerToken.parse(text).reveal() == text


@pytest.mark.parametrize("text", ["", " ", "a b", " a", "a\n", "a\t", "tökén", "x" * 4097])
def test_token_that_no_header_could_carry_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="visible ASCII characters without blanks"):
        BearerToken.parse(text)


@pytest.mark.parametrize("text", ["a:t", "head-end.1_B:t:with:colons", "x" * 64 + ":t"])
def test_named_token_shows_its_name_alone(text: str) -> None:
    name, _, secret = text.partition(":")
    token = NamedToken.parse(text)
    assert (token.name, token.reveal()) == (name, secret)
    assert str(token) == f"{name}:***"
    assert repr(token) == f"NamedToken('{name}:***')"


@pytest.mark.parametrize(
    "text",
    [
        *("hush", ":hush", "1a:hush", "a b:hush", "a\n:hush", "token-1:hush", "\u00e4:hush"),
        *("x" * 65 + ":hush", "a:", "a:hush hush"),
    ],
)
def test_bad_named_token_is_refused_without_its_token(text: str) -> None:
    with pytest.raises(ValueError, match=r"letters|visible ASCII") as refusal:
        NamedToken.parse(text)
    assert "hush" not in str(refusal.value)


def test_named_tokens_are_equal_by_name_and_token() -> None:
    one = NamedToken.parse("a:x")
    assert one == NamedToken.parse("a:x")
    assert (
        len({one, NamedToken.parse("a:x"), NamedToken.parse("a:y"), NamedToken.parse("b:x")}) == 3
    )
    assert one != BearerToken("x")


def test_sections_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Config().metrics.bind_addr = BindAddress("::1", 1)  # type: ignore[misc]  # the promise


@pytest.mark.parametrize(
    "text",
    ["https://portal.example.com", "http://localhost:8080", "https://[::1]", "https://A.b:8"],
)
def test_origin_is_read_in_lower_case(text: str) -> None:
    assert str(Origin.parse(text)) == text.lower()
    assert Origin.parse(text) == Origin.parse(text.lower())


@pytest.mark.parametrize(
    "text", ["", "*", "null", "portal.example.com", "https://a/", "https://a b", "ftp://a", "a:1"]
)
def test_what_is_no_origin_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="an origin such as"):
        Origin.parse(text)


def test_allowed_host_is_a_name_without_a_port_or_every_name() -> None:
    assert [AllowedHost.parse(text).name for text in ("Ingestion", "a.b-c.d", "*")] == [
        *("ingestion", "a.b-c.d", "*")
    ]
    for text in ("", "a:1", "*.a", "http://a", "a b"):
        with pytest.raises(ValueError, match="a host name without a port"):
            AllowedHost.parse(text)
