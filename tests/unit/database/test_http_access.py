"""What every request to QuestDB's HTTP server carries, from the configuration."""

import ssl
from pathlib import Path

from tests.certificates import Authority

from utility_ts_analytics.config import QuestDBConfig, parse_config
from utility_ts_analytics.database.http_access import (
    PLAIN,
    HttpAccess,
    access_of,
    basic_authorization,
)


def questdb(**keys: str) -> QuestDBConfig:
    return parse_config({"questdb": keys}, {}).questdb


def test_default_is_plain_without_a_login() -> None:
    assert access_of(questdb()) == PLAIN
    assert PLAIN.context() is None
    assert PLAIN.head("GET", "/ping", "db:9000") == "GET /ping HTTP/1.1\r\nHost: db:9000\r\n"


def test_user_and_password_go_as_basic_authentication() -> None:
    """RFC 7617 section 2."""
    assert basic_authorization("Aladdin", "open sesame") == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
    access = access_of(questdb(ilp_user="Aladdin", ilp_password="open sesame"))
    assert access.authorization == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="


def test_token_goes_as_bearer_and_never_shows() -> None:
    access = access_of(questdb(ilp_token="s3cret-1f2e"))
    assert "\r\nAuthorization: Bearer s3cret-1f2e\r\n" in access.head("POST", "/write", "db:1")
    assert "s3cret" not in repr(access)


def test_https_verifies_with_the_authorities_that_are_set(tmp_path: Path) -> None:
    ca = str(Authority.make(tmp_path).pair.cert)
    access = access_of(questdb(ilp_http_addr="https://db:443", tls_ca_file=ca))
    assert access == HttpAccess(tls=True, ca_file=ca)
    context = access.context()
    assert context is not None
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert len(context.get_ca_certs()) == 1
