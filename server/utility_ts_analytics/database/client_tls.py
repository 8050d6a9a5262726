"""TLS as a client of QuestDB: the server's certificate and its name are always verified."""

import ssl
from functools import lru_cache
from pathlib import Path


def client_context(ca_file: str | None) -> ssl.SSLContext:
    """Return the context of a client that verifies certificate and name.

    Made once per content of the file: one that was renewed is read again.

    Args:
        ca_file: Authorities (PEM) that may sign the server's certificate; None takes the system's.

    Raises:
        OSError: The file cannot be read, or holds no certificate (`ssl.SSLError`).
    """
    changed_ns = 0 if ca_file is None else Path(ca_file).stat().st_mtime_ns
    return _context(ca_file, changed_ns)


def tls_cause(error: ssl.SSLError) -> str:
    """Return why TLS with the server failed, on one line, with the setting to change."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"its certificate is refused: {error.verify_message.rstrip('.')}; "
            "check questdb.tls_ca_file, and that the host is named as in the certificate"
        )
    reason = (error.reason or str(error)).lower().replace("_", " ")
    return f"TLS fails: {reason}; check that the port speaks TLS"


@lru_cache(maxsize=4)
def _context(ca_file: str | None, changed_ns: int) -> ssl.SSLContext:
    """Return a new context; reading the system's authorities takes some 10 ms."""
    return ssl.create_default_context(cafile=ca_file)
