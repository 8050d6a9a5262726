"""Real certificates, made by the `openssl` command: an authority and what it signs."""

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.system_programs import system_program

_NAMES = "subjectAltName=DNS:localhost,IP:127.0.0.1"
_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, in PEM files."""

    cert: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Authority:
    """Signs certificates in a folder of its own."""

    pair: Pair

    @classmethod
    def make(cls, folder: Path, name: str = "authority") -> "Authority":
        pair = Pair(folder / f"{name}.crt", folder / f"{name}.key")
        subject = ["-subj", f"/CN={name}", "-days", "30", "-out", str(pair.cert)]
        openssl("req", "-x509", *_key(pair), *subject)
        return cls(pair)

    def context(self) -> ssl.SSLContext:
        """Return the context of a client that trusts what this authority signed."""
        return ssl.create_default_context(cafile=str(self.pair.cert))

    def issue(self, name: str, *, days: int = 30, usage: str = "serverAuth,clientAuth") -> Pair:
        """Return a new certificate for localhost and 127.0.0.1; the one of that name is replaced.

        With `days` below zero it has ended already. openssl makes keys with mode 0600.
        """
        folder = self.pair.cert.parent
        pair, request = Pair(folder / f"{name}.crt", folder / f"{name}.key"), folder / f"{name}.csr"
        extensions = ["-addext", _NAMES, "-addext", f"extendedKeyUsage={usage}"]
        openssl(
            "req", "-new", *_key(pair), "-subj", f"/CN={name}", *extensions, "-out", str(request)
        )
        by = ["-CA", str(self.pair.cert), "-CAkey", str(self.pair.key), "-CAcreateserial"]
        kept = ["-days", str(days), "-copy_extensions", "copyall"]
        openssl("x509", "-req", "-in", str(request), *by, *kept, "-out", str(pair.cert))
        return pair


def openssl(*arguments: str) -> None:
    """Run one command of openssl to its end."""
    command = [system_program("openssl"), *arguments]
    run = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert run.returncode == 0, run.stderr


def _key(pair: Pair) -> list[str]:
    return [*_NEW_KEY, "-keyout", str(pair.key)]
