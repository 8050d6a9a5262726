"""Config values that browsers send by themselves: the origin of a page, the name of a host.

As those of `values`: each has `parse`, which raises `ValueError` with a phrase that follows "must
be".
"""

import re
from typing import Final, Self

ANY_HOST: Final = "*"

_HOST_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?", re.ASCII)
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
        if text != ANY_HOST and _HOST_NAME.fullmatch(text) is None:
            raise ValueError('a host name without a port, or "*" for every name')
        return cls(text.lower())
