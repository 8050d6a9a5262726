"""Bearer tokens (RFC 6750), compared in constant time before any of the body is read."""

import binascii
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest

from utility_ts_analytics.errors import Unauthorized

_BASIC_CHARACTERS_MAX = 8192


@dataclass(frozen=True, slots=True)
class HeldToken:
    """One accepted token.

    Attributes:
        name: Of its holder, for logs and metrics; several tokens may have the same one.
        text: The token itself, shown nowhere.
    """

    name: str
    text: str = field(repr=False)


class BearerAuth:
    """Holds digests of a port's tokens, so that neither length nor prefix of one shows in time.

    Args:
        tokens: Accepted tokens; empty means that the port is open.
        realm: What the challenge of a 401 calls the port.
        basic: Whether a token may also come as the password of basic authentication (RFC 7617),
            with any user name: the only one that browsers ask people for.
    """

    def __init__(
        self, tokens: Sequence[HeldToken], *, realm: str = "ingest", basic: bool = False
    ) -> None:
        self._digests = [(sha256(token.text.encode()).digest(), token.name) for token in tokens]
        # Basic before Bearer: Chromium looks at the first challenge of a header alone, and asks
        # nobody for a password where it does not know that (tests/process/test_status_page.py).
        self._bearer = f'Bearer realm="{realm}"'
        self._challenge = f'Basic realm="{realm}", {self._bearer}' if basic else self._bearer
        self._basic = basic

    def holder_or_raise(self, authorization: bytes | None, *, scripted: bool = False) -> str | None:
        """Accept an `Authorization` header value.

        Args:
            authorization: The value; None where there is no such header.
            scripted: Whether a script of a page asks: its browser must not ask people for a
                password each time that the script tries.

        Returns:
            The name of the token's holder; None where the port is open.

        Raises:
            Unauthorized: The port has tokens, and this is none of them.
        """
        if not self._digests:
            return None
        given = sha256(self._token(authorization or b"")).digest()
        # Every digest is compared, also after a match: the time says nothing about which it was.
        matches = [compare_digest(given, digest) for digest, _ in self._digests]
        names = [name for (_, name), match in zip(self._digests, matches, strict=True) if match]
        if not names:
            raise Unauthorized(
                "the Authorization header carries no valid bearer token",
                self._bearer if scripted else self._challenge,
            )
        return names[0]

    def _token(self, authorization: bytes) -> bytes:
        """Return the token in there; nothing, which is no token of ours, where there is none."""
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
