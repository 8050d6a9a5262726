"""Who may ask: bearer tokens (RFC 6750), origins of pages, and the hosts that may be asked for.

Tokens are compared in constant time, before any of the body is read.

A page can have its visitor's browser post to any address, this machine's included, and it can have
the name of its own site lead to this machine (DNS rebinding). It cannot choose the headers that
tell: `Origin` and `Host`.
"""

import binascii
import ipaddress
import socket
from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from typing import Final

from utility_ts_analytics.asgi.protocol import Scope, header
from utility_ts_analytics.config.values import ANY_HOST
from utility_ts_analytics.errors import ForeignOrigin, Unauthorized

_BASIC_CHARACTERS_MAX: Final = 8192
_FOREIGN_SITES: Final = frozenset({b"cross-site", b"same-site"})


@dataclass(frozen=True, slots=True)
class HeldToken:
    """One accepted token.

    Attributes:
        name: Name of its holder, for logs and metrics; several tokens may have the same one.
        text: The token itself; never shown.
    """

    name: str
    text: str = field(repr=False)


class BearerAuth:
    """Checks the tokens of a port. Compares digests, so that timing tells no length or prefix.

    Args:
        tokens: Accepted tokens; empty means that the port is open.
        realm: Name of the port in the challenge of a 401.
        basic: Whether a token may also come as the password of basic authentication (RFC 7617),
            with any user name: the only scheme for which browsers ask people.
    """

    def __init__(
        self, tokens: Sequence[HeldToken], *, realm: str = "ingest", basic: bool = False
    ) -> None:
        self._digests = [(sha256(token.text.encode()).digest(), token.name) for token in tokens]
        # Basic before Bearer: Chromium reads only the first challenge of a header, and asks for no
        # password if it does not know that one (tests/process/test_status_page.py).
        self._bearer = f'Bearer realm="{realm}"'
        self._challenge = f'Basic realm="{realm}", {self._bearer}' if basic else self._bearer
        self._basic = basic

    def holder_or_raise(self, authorization: bytes | None, *, scripted: bool = False) -> str | None:
        """Accept an `Authorization` header value.

        Args:
            authorization: The value; None where there is no such header.
            scripted: Whether a script of a page asks: the browser must not ask people for a
                password each time the script tries.

        Returns:
            The name of the token's holder; None where the port is open.

        Raises:
            Unauthorized: The port has tokens, and this is none of them.
        """
        if not self._digests:
            return None
        given = sha256(self._token(authorization or b"")).digest()
        # Every digest is compared, also after a match: timing must not tell which one it was.
        matches = [compare_digest(given, digest) for digest, _ in self._digests]
        names = [name for (_, name), match in zip(self._digests, matches, strict=True) if match]
        if not names:
            raise Unauthorized(
                "the Authorization header carries no valid bearer token",
                self._bearer if scripted else self._challenge,
            )
        return names[0]

    def _token(self, authorization: bytes) -> bytes:
        """Return the token in the value; empty, which matches none, where there is none."""
        scheme, _, credentials = authorization.partition(b" ")
        if scheme.lower() == b"bearer":
            return credentials.strip()
        if self._basic and scheme.lower() == b"basic":
            try:
                login = binascii.a2b_base64(credentials[:_BASIC_CHARACTERS_MAX].strip())
            except binascii.Error:
                return b""
            return login.partition(b":")[2]
        return b""


def check_origin(scope: Scope, allowed: Collection[str]) -> None:
    """Let requests of programs and of pages of allowed origins pass.

    Programs send no `Origin`. An `Origin` that equals the `Host` proves nothing: under DNS
    rebinding they are equal.

    Raises:
        ForeignOrigin: A page of another origin sent the request.
    """
    origin = header(scope, b"origin")
    if origin is None:
        # Browsers that leave the origin out send this header.
        foreign = header(scope, b"sec-fetch-site") in _FOREIGN_SITES
    else:
        foreign = origin.decode("latin-1").lower() not in allowed
    if foreign:
        raise ForeignOrigin("pages of this origin may not post here (allowed_origins)")


class OwnHosts:
    """The host names that requests to the operations port may name.

    These are every IP address (DNS rebinding needs a name), localhost, and the machine's host name.

    Args:
        allowed: Further names, lower case; `*` allows every name.
    """

    def __init__(self, allowed: Collection[str]) -> None:
        self._names: AbstractSet[str] = {"localhost", socket.gethostname().lower(), *allowed}

    def check(self, scope: Scope) -> None:
        """Let requests to these hosts pass that no page of another origin sent.

        Raises:
            ForeignOrigin: The request names another host, or a page of another origin sent it.
        """
        host = (header(scope, b"host") or b"localhost").decode("latin-1").lower()
        if not self._is_own(_without_port(host)):
            raise ForeignOrigin("this port answers only to its own hosts (metrics.allowed_hosts)")
        origin = header(scope, b"origin")
        if origin is not None and origin.decode("latin-1").lower().partition("://")[2] != host:
            raise ForeignOrigin("pages of another origin may not ask this port")

    def _is_own(self, name: str) -> bool:
        if name in self._names or ANY_HOST in self._names:
            return True
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return True


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and (port.isdigit() or not port) and not name.endswith(":") else host
