"""How QuestDB's HTTP server is spoken to: in plain or over TLS, and with which login.

QuestDB itself speaks no TLS; a proxy in front of it does. Its certificate is always verified, the
name included.
"""

import base64
import ssl
from dataclasses import dataclass, field

from utility_ts_analytics.config import QuestDBConfig
from utility_ts_analytics.database.client_tls import client_context


@dataclass(frozen=True, slots=True)
class HttpAccess:
    """What every request to one QuestDB has in common.

    Attributes:
        tls: Whether to speak TLS.
        ca_file: Authorities (PEM) that may sign the server's certificate; None takes the system's.
        authorization: Value of the `Authorization` header, "" for none. A secret.
    """

    tls: bool = False
    ca_file: str | None = None
    authorization: str = field(default="", repr=False)

    def context(self) -> ssl.SSLContext | None:
        """Return what `tls` needs, None for plain HTTP.

        Raises:
            OSError: The authorities cannot be read, or are none (`ssl.SSLError`).
        """
        return client_context(self.ca_file) if self.tls else None

    def head(self, method: str, target: str, addr: str) -> str:
        """Return a request's head up to its own headers: no empty line at the end.

        Args:
            method: Of HTTP.
            target: Path and query, escaped.
            addr: `host:port`, for the `Host` header.
        """
        login = f"Authorization: {self.authorization}\r\n" if self.authorization else ""
        return f"{method} {target} HTTP/1.1\r\nHost: {addr}\r\n{login}"


PLAIN = HttpAccess()
"""No TLS and no login."""


def access_of(questdb: QuestDBConfig) -> HttpAccess:
    """Return the access that the section `[questdb]` describes."""
    return HttpAccess(questdb.ilp_http_address.tls, questdb.tls_ca_file, _authorization(questdb))


def basic_authorization(user: str, password: str) -> str:
    """Return the header's value for a user (RFC 7617)."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def _authorization(questdb: QuestDBConfig) -> str:
    if questdb.ilp_token is not None:
        return f"Bearer {questdb.ilp_token.reveal()}"
    if questdb.ilp_user is None or questdb.ilp_password is None:
        return ""
    return basic_authorization(questdb.ilp_user, questdb.ilp_password.reveal())
