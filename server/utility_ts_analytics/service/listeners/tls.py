"""How ports are protected: certificates and keys on disk, and settings that leave a port open.

Python's own TLS checks the files before a server starts or a reload replaces one: a renewed
certificate that does not match its key is one line in the log, not a dead listener.
"""

import ssl
import stat
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from utility_ts_analytics.config import Config, TlsFiles
from utility_ts_analytics.database.access import client_context
from utility_ts_analytics.errors import ConfigError

_CERT, _KEY, _CLIENT_CA = "tls_cert_file", "tls_key_file", "tls_client_ca_file"


def tls_sections(config: Config) -> Mapping[str, TlsFiles]:
    """Return the TLS files of every listener that has them, by the path of its config section."""
    sections = {f"{name}.source": stream.source.tls for name, stream in config.streams.items()}
    sections["metrics"] = config.metrics.tls
    return {path: files for path, files in sections.items() if files is not None}


def check_tls_or_raise(config: Config) -> None:
    """Make sure that every certificate and key can be used now. Reads the files.

    Raises:
        ConfigError: With every problem.
    """
    problems = [
        f"{path}.{problem}"
        for path, files in tls_sections(config).items()
        for problem in unusable(files)
    ]
    problems += unusable_authorities(config)
    if problems:
        raise ConfigError(problems)


def weaknesses(config: Config) -> Iterator[str]:
    """Yield one sentence per setting that leaves a port less protected than it could be."""
    if config.metrics.is_open:
        yield (
            f"metrics.bind_addr: {config.metrics.bind_address} lets every machine that reaches it "
            "read the state of the service: set metrics.auth_bearer_token, or leave bind_addr out"
        )
    for path, files in tls_sections(config).items():
        if not list(unusable(files)) and others_can_read(files.key):
            yield f"{path}.tls_key_file: every user of this machine can read it: chmod o= it"


def unusable(files: TlsFiles) -> Iterator[str]:
    """Yield `key: problem` for each file that cannot be used; never its content."""
    named = {_CERT: files.cert, _KEY: files.key, _CLIENT_CA: files.client_ca}
    unread = False
    for key, path in named.items():
        try:
            if path is not None:
                Path(path).read_bytes()
        except OSError as error:
            unread = True
            yield f"{key}: cannot read {path}: {error.strerror}"
    if unread:
        return
    try:
        _server_context(files)
    except _EncryptedKeyError:
        yield f"{_KEY}: {files.key} is encrypted: store it without a pass phrase, mode 0600"
    except ssl.SSLError as error:
        pair = f"{files.cert} and {files.key} are no certificate and its key"
        yield f"{_CERT}: {pair}: {_cause(error)}"
    if files.client_ca is not None:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(files.client_ca)
        except ssl.SSLError as error:
            yield f"{_CLIENT_CA}: {files.client_ca} holds no certificates: {_cause(error)}"


def unusable_authorities(config: Config) -> Iterator[str]:
    """Yield `path: problem` for each unusable file of authorities for TLS to QuestDB."""
    for path in config.questdb.ca_files:
        try:
            client_context(path)
        except ssl.SSLError as error:
            yield f"questdb.tls_ca_file: {path} holds no certificates: {_cause(error)}"
        except OSError as error:
            yield f"questdb.tls_ca_file: cannot read {path}: {error.strerror}"


def trusting_context(files: TlsFiles) -> ssl.SSLContext:
    """Return a client context that accepts exactly this certificate, under any host name.

    For programs on this machine, which know the file and connect to 127.0.0.1.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(files.cert)
    return context


def valid_until(files: TlsFiles) -> datetime:
    """Return when the certificate expires, as a client finds in a handshake with it.

    Args:
        files: `unusable` yields nothing for them.

    Raises:
        ssl.SSLCertVerificationError: It is expired, not yet valid, or not for servers.
    """
    client = _shake_hands(_server_context(files), trusting_context(files))
    certificate = client.getpeercert() or {}
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), tz=UTC)


def others_can_read(path: str) -> bool:
    """Tell whether every user of this machine may read or write a file."""
    return bool(Path(path).stat().st_mode & (stat.S_IROTH | stat.S_IWOTH))


class _EncryptedKeyError(Exception):
    """OpenSSL asked for a pass phrase."""


def _server_context(files: TlsFiles) -> ssl.SSLContext:
    def no_password() -> str:
        raise _EncryptedKeyError

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.cert, files.key, password=no_password)
    return context


def _shake_hands(server: ssl.SSLContext, client: ssl.SSLContext) -> ssl.SSLObject:
    """Return the client's end of a finished handshake in memory."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    # TLS 1.3 needs two turns of each end, TLS 1.2 three.
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return ends[0]


def _cause(error: ssl.SSLError) -> str:
    return (error.reason or "not PEM").lower().replace("_", " ")
