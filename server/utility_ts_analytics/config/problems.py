"""The list of what is wrong with a configuration, and how a value is shown in it."""

import difflib
import json
import re
from collections.abc import Iterable

from utility_ts_analytics.errors import ConfigError

_SHOWN_CHARACTERS_MAX = 60
_SHORT_CHARACTERS_MAX = 3
_PLAIN_WORD = re.compile(r"[a-z_]{1,15}|[A-Z_]{1,15}", re.ASCII)


class Problems:
    """Collects problems in the order found, so that all of them are reported at once.

    Attributes:
        lines: One line each, `path: what is wrong`. Never a secret.
        paths: What the problems are about, to tell which values must not be judged further.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.paths: set[str] = set()

    def add(self, path: str, message: str, *, variable: str | None = None) -> None:
        """Add one problem.

        Args:
            path: Dotted TOML path of the value, or the name of a file or variable.
            message: What is wrong, following the path and a colon.
            variable: The environment variable that gave the value, if one did.
        """
        self.paths.add(path)
        self.lines.append(
            f"{path} (from {variable}): {message}" if variable else f"{path}: {message}"
        )

    def raise_if_any(self) -> None:
        """End here if there is a problem.

        Raises:
            ConfigError: With every problem.
        """
        if self.lines:
            raise ConfigError(self.lines)


def join_path(path: str, key: str) -> str:
    """Return the dotted path of `key` under `path`, quoted where TOML would quote it."""
    bare = key.isascii() and key.replace("_", "").replace("-", "").isalnum()
    shown = key if bare and len(key) <= _SHOWN_CHARACTERS_MAX else shown_value(key)
    return f"{path}.{shown}" if path else shown


def unknown_key(key: str, known: Iterable[str]) -> str:
    """Return an unknown key as a problem may show it: it may be a misplaced secret.

    It is shown if it resembles a known key, is too short for a secret, or is a plain word shorter
    than any token should be (`check` warns of those).
    """
    short = len(key) <= _SHORT_CHARACTERS_MAX or _PLAIN_WORD.fullmatch(key) is not None
    if short or difflib.get_close_matches(key, list(known), n=1):
        return key
    return f"(a key of {len(key)} characters)"


def shown_value(value: object) -> str:
    """Return `value` as one short line of ASCII, the way TOML writes it where that is short."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            # A hexadecimal number of a file may have more digits than `str` is willing to write.
            return str(value) if abs(value) < 10**30 else "a number of more than 30 digits"
        case float():
            return repr(value)
        case str():
            cut = value[:_SHOWN_CHARACTERS_MAX]
            return json.dumps(cut) + ("..." if len(cut) < len(value) else "")
        case list():
            return "a list"
        case dict():
            return "a table"
        case _:
            return "a date or time"
