"""Config values that are more than a number or a text: addresses, secrets, origins, host names.

Each type has `parse`, which raises `ValueError` with a phrase that follows "must be" and never
holds the text itself. They are plain classes and no dataclasses on purpose: msgspec would encode a
dataclass field by field, secrets included; a plain class it refuses.
"""

import ipaddress
import re
from typing import Final, Self

import msgspec


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table of the file. Every value stands in exactly one section."""


ANY_HOST: Final = "*"

_WEB_HOST_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?", re.ASCII)
_ORIGIN = re.compile(
    r"https?://([A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?",
    re.ASCII,
)


class _WebName:
    """A name in lower case; equals one of its own kind."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name: Final = name

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)


class Origin(_WebName):
    """Scheme, host and port of a page, as browsers write them in `Origin`; kept in lower case."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `text`.

        Raises:
            ValueError: It is no origin.
        """
        if _ORIGIN.fullmatch(text) is None:
            raise ValueError('an origin such as "https://portal.example.com", without a path')
        return cls(text.lower())


class AllowedHost(_WebName):
    """A host name without a port, kept in lower case; `*` stands for every name."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `text`.

        Raises:
            ValueError: It is no host name.
        """
        if text != ANY_HOST and _WEB_HOST_NAME.fullmatch(text) is None:
            raise ValueError('a host name without a port, or "*" for every name')
        return cls(text.lower())


MASK = "***"
SECRET_CHARACTERS_MAX = 4096

_HOST_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_.])?", re.ASCII)
_HOST_PORT = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\[\]:]+)):([0-9]{1,5})", re.ASCII)
_VISIBLE_ASCII = re.compile(r"[!-~]+", re.ASCII)
_TOKEN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}", re.ASCII)
_UNNAMED = re.compile(r"token-[0-9]+", re.ASCII)
_NUMERIC_HOST = re.compile(r"[0-9.]+", re.ASCII)


class Address:
    """A host and port to connect to, written `host:port` or `[ipv6]:port`.

    Attributes:
        host: A name or an IP literal, without brackets.
        port: 1..65535.
    """

    __slots__ = ("host", "port")

    expected = "host:port with a port 1..65535"

    def __init__(self, host: str, port: int) -> None:
        self.host: Final = host
        self.port: Final = port

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `text`.

        Raises:
            ValueError: It is not `host:port`, or the host is neither a name nor an IP literal.
        """
        match = _HOST_PORT.fullmatch(text)
        if match is None or not 1 <= int(match[3]) <= 65535:
            raise ValueError(cls.expected)
        return cls(cls._host(match[1], match[2]), int(match[3]))

    @classmethod
    def _host(cls, bracketed: str | None, plain: str) -> str:
        if bracketed is not None:
            try:
                return str(ipaddress.IPv6Address(bracketed))
            except ValueError:
                raise ValueError(cls.expected) from None
        if _NUMERIC_HOST.fullmatch(plain):  # "999.1.1.1" is a mistake, not a host name
            try:
                return str(ipaddress.IPv4Address(plain))
            except ValueError:
                raise ValueError(cls.expected) from None
        if _HOST_NAME.fullmatch(plain) is None:
            raise ValueError(cls.expected)
        return plain

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))


class BindAddress(Address):
    """An address to listen on. The HTTP server needs an IP literal; `localhost` is 127.0.0.1."""

    __slots__ = ()

    expected = 'an IP address and a port 1..65535, such as "0.0.0.0:7001"'

    @classmethod
    def _host(cls, bracketed: str | None, plain: str) -> str:
        if plain == "localhost":
            return "127.0.0.1"
        host = super()._host(bracketed, plain)
        if bracketed is None and _NUMERIC_HOST.fullmatch(plain) is None:
            raise ValueError(cls.expected)
        return host

    @property
    def is_wildcard(self) -> bool:
        """Whether it takes the port on every address of the machine."""
        return ipaddress.ip_address(self.host).is_unspecified

    @property
    def is_loopback(self) -> bool:
        """Whether only programs on this machine reach it."""
        return ipaddress.ip_address(self.host).is_loopback


class Secret:
    """A text that `str` and `repr` mask; `reveal` returns it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `text`: 1..4096 characters, none of them a control character.

        Raises:
            ValueError: It is something else. The message does not hold the text.
        """
        if not 1 <= len(text) <= SECRET_CHARACTERS_MAX or not text.isprintable():
            raise ValueError(f"1..{SECRET_CHARACTERS_MAX} printable characters")
        return cls(text)

    def reveal(self) -> str:
        """Return the secret itself, to use and not to keep."""
        return self._text

    def masked(self) -> str:
        """Return what logs and the status page may show."""
        return MASK

    def __str__(self) -> str:
        return self.masked()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.masked()!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


class BearerToken(Secret):
    """A token that clients send in `Authorization: Bearer`; visible ASCII only (RFC 6750)."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `text`: 1..4096 visible ASCII characters, no blanks.

        Raises:
            ValueError: It is something else. The message does not hold the text.
        """
        if len(text) > SECRET_CHARACTERS_MAX or _VISIBLE_ASCII.fullmatch(text) is None:
            raise ValueError(
                f"1..{SECRET_CHARACTERS_MAX} visible ASCII characters without blanks "
                "(leave the key out for a stream without a token)"
            )
        return cls(text)


class NamedToken(Secret):
    """A bearer token with the name of its holder, written `name:token`; only the name shows.

    Attributes:
        name: For logs and metrics. Several tokens may have the same one.
    """

    __slots__ = ("name",)

    def __init__(self, name: str, token: BearerToken) -> None:
        super().__init__(token.reveal())
        self.name: Final = name

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `text`.

        Raises:
            ValueError: It is no `name:token`. The message does not hold the text.
        """
        name, _, token = text.partition(":")
        if _TOKEN_NAME.fullmatch(name) is None or _UNNAMED.fullmatch(name) is not None:
            raise ValueError(
                '"name:token"; the name is 1..64 letters, digits, "-", "_" and ".", begins with a '
                "letter and is not token-1 or the like, which are those without a name"
            )
        return cls(name, BearerToken.parse(token))

    def masked(self) -> str:
        """Return the name without the token."""
        return f"{self.name}:{MASK}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NamedToken) and (self.name, self._text) == (
            other.name,
            other._text,
        )

    def __hash__(self) -> int:
        return hash((self.name, self._text))
