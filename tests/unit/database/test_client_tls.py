"""What TLS to QuestDB verifies, and how its failures read."""

import socket
import ssl
from pathlib import Path

import pytest
from tests.certificates import Authority

from utility_ts_analytics.database.client_tls import client_context, tls_cause


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
