"""Certificates and keys are judged as a client and a server would, before either meets them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.certificates import Authority, Pair, openssl

from utility_ts_analytics.config import TlsFiles, parse_config
from utility_ts_analytics.errors import ConfigError
from utility_ts_analytics.service.listeners.tls import (
    check_tls_or_raise,
    others_can_read,
    tls_sections,
    unusable,
    valid_until,
)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def pair(authority: Authority) -> Pair:
    return authority.issue("server", days=20)


def files(pair: Pair, client_ca: Path | None = None) -> TlsFiles:
    return TlsFiles(str(pair.cert), str(pair.key), str(client_ca) if client_ca else None)


def test_good_files_are_usable_and_say_how_long(pair: Pair, authority: Authority) -> None:
    good = files(pair, authority.pair.cert)
    assert list(unusable(good)) == []
    left = valid_until(good) - datetime.now(tz=UTC)
    assert timedelta(days=19) < left <= timedelta(days=20)


def test_chain_of_several_certificates_is_usable(pair: Pair, authority: Authority) -> None:
    chain = pair.cert.with_name("chain.crt")
    chain.write_bytes(pair.cert.read_bytes() + authority.pair.cert.read_bytes())
    assert list(unusable(files(Pair(chain, pair.key)))) == []


@pytest.mark.parametrize("form", [["ec"], ["rsa"], ["pkey", "-traditional"]])
def test_private_key_in_every_form_that_openssl_writes(
    form: list[str], tmp_path: Path, pair: Pair
) -> None:
    if form == ["rsa"]:
        made = Pair(tmp_path / "rsa.crt", tmp_path / "rsa.key")
        out = ["-keyout", str(made.key), "-out", str(made.cert), "-subj", "/CN=localhost"]
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", *out)
    else:
        made = Pair(pair.cert, tmp_path / "other.key")
        openssl(*form, "-in", str(pair.key), "-out", str(made.key))
    assert list(unusable(files(made))) == []


def test_key_of_another_certificate_is_named(pair: Pair, authority: Authority) -> None:
    other = authority.issue("other")
    [problem] = unusable(files(Pair(pair.cert, other.key)))
    assert problem.startswith("tls_cert_file: ")
    assert problem.endswith("are no certificate and its key: key values mismatch")


def test_every_missing_file_is_named(tmp_path: Path) -> None:
    missing = TlsFiles(str(tmp_path / "a"), str(tmp_path), str(tmp_path / "c"))
    assert [problem.partition(":")[0] for problem in unusable(missing)] == [
        "tls_cert_file",
        "tls_key_file",
        "tls_client_ca_file",
    ]


@pytest.mark.parametrize("text", [b"", b"no PEM", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_files_that_are_no_certificates_are_named(text: bytes, tmp_path: Path, pair: Pair) -> None:
    bad = tmp_path / "bad.crt"
    bad.write_bytes(text)
    [problem] = unusable(files(Pair(bad, pair.key)))
    assert problem.startswith("tls_cert_file: ")
    [problem] = unusable(files(pair, bad))
    assert problem.startswith(f"tls_client_ca_file: {bad} holds no certificates: ")


def test_encrypted_key_is_named_and_nobody_is_asked_for_a_phrase(
    tmp_path: Path, pair: Pair
) -> None:
    key = tmp_path / "encrypted.key"
    openssl("ec", "-in", str(pair.key), "-aes128", "-passout", "pass:x", "-out", str(key))
    [problem] = unusable(files(Pair(pair.cert, key)))
    assert problem.startswith(f"tls_key_file: {key} is encrypted")


def test_certificate_that_no_client_takes_has_no_end(authority: Authority) -> None:
    for name, days, usage, why in (
        ("ended", -1, "serverAuth", "expired"),
        ("client", 1, "clientAuth", "purpose"),
    ):
        bad = files(authority.issue(name, days=days, usage=usage))
        assert list(unusable(bad)) == []
        with pytest.raises(OSError, match=why):
            valid_until(bad)


def test_key_that_everybody_can_read_is_found(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.touch()
    for mode, found in ((0o600, False), (0o640, False), (0o644, True), (0o602, True)):
        key.chmod(mode)
        assert others_can_read(str(key)) == found


@pytest.mark.parametrize(
    ("text", "words"), [(None, "cannot read"), ("nothing", "holds no certificates")]
)
def test_authorities_of_questdb_are_read_before_the_start(
    text: str | None, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "ca.crt"
    if text is not None:
        path.write_text(text)
    questdb = {"ilp_http_addr": "https://db:443", "tls_ca_file": str(path)}
    with pytest.raises(ConfigError) as raised:
        check_tls_or_raise(parse_config({"questdb": questdb}, {}))
    [problem] = raised.value.problems
    assert problem.startswith("questdb.tls_ca_file: ")
    assert str(path) in problem
    assert words in problem


def test_every_problem_of_every_listener_is_raised_with_its_path(pair: Pair) -> None:
    good = {"tls_cert_file": str(pair.cert), "tls_key_file": str(pair.key)}
    bad = {"tls_cert_file": "missing.crt", "tls_key_file": str(pair.key)}
    config = parse_config({"meter_usage": {"source": good}, "metrics": good}, {})
    assert list(tls_sections(config)) == ["meter_usage.source", "metrics"]
    check_tls_or_raise(config)
    config = parse_config({"generation_output": {"source": bad}, "metrics": bad}, {})
    with pytest.raises(ConfigError) as raised:
        check_tls_or_raise(config)
    why = "tls_cert_file: cannot read missing.crt: No such file or directory"
    assert raised.value.problems == (f"generation_output.source.{why}", f"metrics.{why}")
