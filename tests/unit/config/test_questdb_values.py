"""How QuestDB is reached: what is read, what is refused, and that no password shows."""

import pytest

from utility_ts_analytics.config.questdb_values import DatabaseUri, HttpAddress


@pytest.mark.parametrize(
    ("text", "tls", "addr", "shown"),
    [
        ("127.0.0.1:9000", False, "127.0.0.1:9000", "127.0.0.1:9000"),
        ("http://db:9000", False, "db:9000", "db:9000"),
        ("https://db:443", True, "db:443", "https://db:443"),
        ("https://[::1]:443", True, "[::1]:443", "https://[::1]:443"),
    ],
)
def test_http_address_is_read(text: str, tls: bool, addr: str, shown: str) -> None:
    address = HttpAddress.parse(text)
    assert (address.tls, address.addr, str(address)) == (tls, addr, shown)
    assert address == HttpAddress.parse(shown)


@pytest.mark.parametrize(
    "text",
    ["", "db", "https://db", "https://db:443/", "ftp://db:21", "https://u:p@db:1", "https://"],
)
def test_what_is_no_http_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="https://host:port"):
        HttpAddress.parse(text)


def test_encrypted_and_plain_address_are_not_the_same() -> None:
    assert HttpAddress.parse("https://db:1") != HttpAddress.parse("db:1")


@pytest.mark.parametrize("mode", ["require", "verify-ca", "allow", "no"])
def test_tls_that_takes_any_certificate_is_refused(mode: str) -> None:
    with pytest.raises(ValueError, match="sslmode=verify-full") as refusal:
        DatabaseUri.parse(f"postgresql://admin:hush@db/qdb?sslmode={mode}")
    assert "hush" not in str(refusal.value)


@pytest.mark.parametrize(
    ("query", "encrypted", "with_ca"),
    [
        ("", False, ""),
        ("?sslmode=disable", False, "?sslmode=disable"),
        ("?sslmode=verify-full", True, "?sslmode=verify-full&sslrootcert=%2Fa+b.crt"),
        ("?sslmode=verify-full&sslrootcert=c", True, "?sslmode=verify-full&sslrootcert=c"),
    ],
)
def test_authorities_go_with_a_uri_that_is_encrypted(
    query: str, encrypted: bool, with_ca: str
) -> None:
    uri = DatabaseUri.parse(f"postgresql://u:p@db/qdb{query}")
    assert uri.is_encrypted == encrypted
    assert uri.with_ca_file("/a b.crt") == f"postgresql://u:p@db/qdb{with_ca}"
    assert uri.with_ca_file(None) == uri.reveal()


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("postgresql://admin:quest@db:8812/qdb", "postgresql://admin:***@db:8812/qdb"),
        ("postgres://admin:a@b:c@db/qdb", "postgres://admin:***@db/qdb"),
        ("postgresql://admin@db:8812/qdb", "postgresql://admin@db:8812/qdb"),
        ("postgresql://db", "postgresql://db"),
        ("postgresql://u:p@[::1]:8812/qdb", "postgresql://u:***@[::1]:8812/qdb"),
        ("postgresql://u:p%23%2F@db/qdb?sslmode=verify-full", "postgresql://u:***@db/qdb?***"),
        ("postgresql://u@db/qdb?password=hush", "postgresql://u@db/qdb?***"),
    ],
)
def test_uri_masks_password_and_query(text: str, masked: str) -> None:
    uri = DatabaseUri.parse(text)
    assert uri.reveal() == text
    assert str(uri) == masked
    assert repr(uri) == f"DatabaseUri({masked!r})"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "db:8812",
        "http://db:8812/qdb",
        "postgresql:///qdb",
        "postgresql://admin:hush@/qdb",
        "postgresql://admin:hush@db:0/qdb",
        "postgresql://admin:hush@db:99999/qdb",
        "postgresql://admin:hush@db:port/qdb",
        "postgresql://admin:hush@[::1/qdb",
        "postgresql://admin:hush@db/q\ndb",
        "postgresql://admin:1#hush@db/qdb",
        "postgresql://admin:1/hush@db/qdb",
        "postgresql://admin:1?hush@db/qdb",
    ],
)
def test_bad_uri_is_refused_without_its_password(text: str) -> None:
    with pytest.raises(
        ValueError, match="postgresql://user:password@host:port/database"
    ) as refusal:
        DatabaseUri.parse(text)
    assert "hush" not in str(refusal.value)
    assert refusal.value.__cause__ is None
