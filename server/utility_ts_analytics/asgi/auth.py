"""Bearer tokens (RFC 6750), compared in constant time before any of the body is read."""

import hmac
from collections.abc import Sequence
from hashlib import sha256

from utility_ts_analytics.errors import Unauthorized


class BearerAuth:
    """Holds digests of a stream's tokens, so that neither length nor prefix of one shows in time.

    Args:
        tokens: Accepted tokens; empty means that the stream is open.
    """

    def __init__(self, tokens: Sequence[str]) -> None:
        self._digests = [sha256(token.encode()).digest() for token in tokens]

    def check_or_raise(self, authorization: bytes | None) -> None:
        """Accept an `Authorization` header value.

        Raises:
            Unauthorized: The stream has tokens, and this is none of them.
        """
        if not self._digests:
            return
        scheme, _, token = (authorization or b"").partition(b" ")
        given = sha256(token.strip()).digest()
        # Every digest is compared, also after a match: the time says nothing about which it was.
        matches = [hmac.compare_digest(given, digest) for digest in self._digests]
        if scheme.lower() != b"bearer" or not any(matches):
            raise Unauthorized("the Authorization header carries no valid bearer token")
