"""Config values that say how QuestDB is reached: over HTTP, and over the PostgreSQL wire."""

from typing import Final, Self
from urllib.parse import SplitResult, parse_qs, urlencode, urlsplit

from utility_ts_analytics.config.values import MASK, Address, Secret

_ENCRYPTION_MODES = frozenset({"disable", "prefer", "verify-full"})
"""Values of `sslmode` that promise no more than they keep: `prefer` says itself that it may not."""


class HttpAddress(Address):
    """An HTTP server to connect to: `host:port`, or `https://host:port` for TLS.

    Attributes:
        tls: Whether it is spoken to over TLS.
    """

    __slots__ = ("tls",)

    expected = 'host:port or "https://host:port", with a port 1..65535'

    def __init__(self, host: str, port: int, *, tls: bool = False) -> None:
        super().__init__(host, port)
        self.tls: Final = tls

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `text`.

        Raises:
            ValueError: It is neither.
        """
        scheme, separator, rest = text.partition("://")
        if not separator:
            scheme, rest = "http", text
        if scheme not in ("http", "https"):
            raise ValueError(cls.expected)
        try:
            plain = Address.parse(rest)
        except ValueError:
            raise ValueError(cls.expected) from None
        return cls(plain.host, plain.port, tls=scheme == "https")

    @property
    def addr(self) -> str:
        """`host:port` without the scheme."""
        return super().__str__()

    def __str__(self) -> str:
        return f"https://{self.addr}" if self.tls else self.addr


class DatabaseUri(Secret):
    """A `postgresql://user:password@host:port/database` URI; only the password is masked."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `text`.

        Raises:
            ValueError: It is no such URI. The message does not hold the text.
        """
        expected = "postgresql://user:password@host:port/database"
        try:
            parts = urlsplit(text)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port, parts = None, None, SplitResult("", "", "", "", "")
        if parts.scheme not in {"postgresql", "postgres"} or not host or not text.isprintable():
            raise ValueError(expected)
        if not _ENCRYPTION_MODES.issuperset(parse_qs(parts.query).get("sslmode", [])):
            raise ValueError(
                f"{expected}, with sslmode=verify-full for TLS: other modes take any certificate"
            )
        # An unescaped "/", "?" or "#" in a password moves its rest into a later part of the URI,
        # where it would be shown; such a password must be escaped.
        if port == 0 or parts.fragment or "@" in parts.path + parts.query:
            raise ValueError(f"{expected}, special characters of the password as %XX")
        return cls(text)

    @property
    def is_encrypted(self) -> bool:
        """Whether the server is spoken to over TLS alone, with its certificate verified."""
        return self._parameters.get("sslmode") == ["verify-full"]

    def with_ca_file(self, path: str | None) -> str:
        """Return the URI itself, a secret, with `path` as its authorities if it names none."""
        if path is None or not self.is_encrypted or "sslrootcert" in self._parameters:
            return self._text
        return f"{self._text}&{urlencode({'sslrootcert': path})}"

    @property
    def _parameters(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self._text).query)

    def masked(self) -> str:
        """Return the URI without its password and without its query, which may hold another."""
        parts = urlsplit(self._text)
        user, has_password, _ = parts.netloc.rpartition("@")[0].partition(":")
        place = parts.netloc.rpartition("@")[2]
        login = f"{user}:{MASK}" if has_password else user
        query = f"?{MASK}" if parts.query else ""
        return f"{parts.scheme}://{login}{'@' if login else ''}{place}{parts.path}{query}"
