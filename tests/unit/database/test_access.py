"""What every request to QuestDB's HTTP server carries, from the configuration."""

import asyncio
import base64
import contextlib
import socket
import ssl
from pathlib import Path

import pytest
from tests.certificates import Authority
from tests.conftest import TestQuestDB

from utility_ts_analytics.config import QuestDBConfig, parse_config
from utility_ts_analytics.database.access import (
    PLAIN,
    HttpAccess,
    access_of,
    answers_ping,
    basic_authorization,
    client_context,
    ping_trouble,
    tls_cause,
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


@pytest.mark.parametrize("ca", [None, "own"])
def test_certificate_and_name_are_verified(ca: str | None, tmp_path: Path) -> None:
    path = None if ca is None else str(Authority.make(tmp_path, ca).pair.cert)
    context = client_context(path)
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert client_context(path) is context


def test_renewed_authorities_are_read_again(tmp_path: Path) -> None:
    path = Authority.make(tmp_path, "ca").pair.cert
    before = client_context(str(path)).get_ca_certs()
    path.write_bytes(Authority.make(tmp_path, "next").pair.cert.read_bytes())
    after = client_context(str(path)).get_ca_certs()
    assert len(before) == len(after) == 1
    assert before != after


def test_file_without_certificates_or_no_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        client_context(str(tmp_path / "none.crt"))
    (tmp_path / "odd.crt").write_text("nothing\n")
    with pytest.raises(ssl.SSLError):
        client_context(str(tmp_path / "odd.crt"))


def test_cause_names_the_setting() -> None:
    refused = ssl.SSLCertVerificationError(1, "certificate verify failed")
    refused.verify_message = "certificate has expired"
    assert "certificate has expired; check questdb.tls_ca_file" in tls_cause(refused)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        with pytest.raises(ssl.SSLError) as plain:
            client_context(None).wrap_socket(ours, server_hostname="localhost")
    assert (
        tls_cause(plain.value) == "TLS fails: wrong version number; check that the port speaks TLS"
    )


ACCESS = HttpAccess(authorization=basic_authorization("user", "secret"))


async def ask_scripted(answer: bytes | None, *, close: bool = True) -> tuple[str | None, bytes]:
    """Ask a server that sends `answer`, or is silent; return the trouble and what it was sent."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        if answer is not None:
            writer.write(answer)
            await writer.drain()
        if close:
            writer.close()
        else:
            with contextlib.suppress(ConnectionError):
                await reader.read()
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        trouble = await ping_trouble("127.0.0.1", port, timeout_s=0.2, access=ACCESS)
    return trouble, asked[0]


@pytest.mark.questdb
def test_questdb_answers(questdb: TestQuestDB) -> None:
    assert asyncio.run(answers_ping("127.0.0.1", questdb.http_port, timeout_s=5.0))


@pytest.mark.parametrize(
    ("answer", "close", "words"),
    [
        (b"HTTP/1.1 204 OK\r\n\r\n", True, None),
        (b"HTTP/1.1 204 OK\r\n\r\n", False, None),
        (b"HTTP/1.1 500 Error\r\n\r\n", True, "500, not 204"),
        (b"HTTP/1.1 200 OK\r\n\r\n<html>", True, "200, not 204"),
        (b"HTTP/1.1 401 Unauthorized\r\n\r\n", True, "questdb.ilp_token"),
        (b"HTTP/1.1", True, "not HTTP"),
        (b"HTTP/1.1", False, "no answer within 0.2 s"),
        (b"", True, "not HTTP"),
        (None, False, "no answer within 0.2 s"),
    ],
)
def test_only_a_whole_204_in_time_counts(
    answer: bytes | None, close: bool, words: str | None
) -> None:
    said, asked = asyncio.run(asyncio.wait_for(ask_scripted(answer, close=close), 10))
    assert said is None if words is None else words in (said or "")
    assert asked.startswith(b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"Authorization: Basic " + base64.b64encode(b"user:secret") in asked


def test_nobody_listening_is_a_no() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        assert not asyncio.run(answers_ping("127.0.0.1", port, timeout_s=5.0))


def test_name_that_does_not_resolve_is_a_no() -> None:
    assert not asyncio.run(answers_ping("no-such-host.invalid", 9000, timeout_s=5.0))
