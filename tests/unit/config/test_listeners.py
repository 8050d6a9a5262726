"""What listens knows its tokens, its certificates, and whether it is open to other machines."""

import msgspec

from utility_ts_analytics.config.listeners import MetricsConfig, SourceConfig, TlsFiles
from utility_ts_analytics.config.values import BearerToken, BindAddress, NamedToken


def test_every_token_that_opens_a_stream_has_a_name() -> None:
    address = BindAddress("127.0.0.1", 7001)
    one, other = BearerToken("one"), BearerToken("other")
    named = (NamedToken.parse("a:x"), NamedToken.parse("a:y"))
    none = SourceConfig(bind_address=address, workers=1)
    assert none.tokens == ()

    def tokens(**changes: object) -> list[tuple[str, str]]:
        source = msgspec.structs.replace(none, **changes)
        return [(token.name, token.reveal()) for token in source.tokens]

    assert tokens(auth_bearer_token=one) == [("token-1", "one")]
    several = tokens(auth_bearer_tokens=(one, other), auth_named_tokens=named)
    assert several == [("token-1", "one"), ("token-2", "other"), ("a", "x"), ("a", "y")]


def test_operations_port_is_the_machine_s_own_without_a_token() -> None:
    """CONTRACT section 4 has 0.0.0.0; a decision says why that now needs a token or a word."""
    token, address = BearerToken("t"), BindAddress("10.0.0.1", 1)
    assert (str(MetricsConfig().bind_address), MetricsConfig().is_open) == ("127.0.0.1:9090", False)
    guarded = MetricsConfig(auth_bearer_token=token)
    assert (str(guarded.bind_address), guarded.is_open) == ("0.0.0.0:9090", False)
    told = MetricsConfig(bind_addr=address)
    assert (told.bind_address, told.is_open) == (address, True)
    both = MetricsConfig(bind_addr=address, auth_bearer_token=token)
    assert (both.bind_address, both.is_open) == (address, False)
    for loopback in ("127.0.0.1:1", "127.8.0.1:1", "[::1]:1"):
        assert not MetricsConfig(bind_addr=BindAddress.parse(loopback)).is_open


def test_tls_needs_certificate_and_key() -> None:
    address = BindAddress("127.0.0.1", 7001)
    assert SourceConfig(bind_address=address, workers=1, tls_client_ca_file="ca").tls is None
    source = SourceConfig(
        bind_address=address,
        workers=1,
        tls_cert_file="c",
        tls_key_file="k",
        tls_client_ca_file="ca",
    )
    assert source.tls == TlsFiles("c", "k", "ca")
    metrics = MetricsConfig(tls_cert_file="c", tls_key_file="k")
    assert metrics.tls == TlsFiles("c", "k", None)
    assert MetricsConfig().tls is None
