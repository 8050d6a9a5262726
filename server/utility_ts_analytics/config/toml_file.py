"""Reads a TOML file that a person wrote: bounded, and with an error that names the file."""

import re
import tomllib
from pathlib import Path

from utility_ts_analytics.errors import ConfigError

FILE_BYTES_MAX = 1_048_576

_KEYS = re.compile(
    r"(?P<before>Cannot declare |Cannot (?:redefine|mutate immutable) namespace |inline table key )"
    r".*(?= twice| \(at )",
    re.DOTALL,
)
"""What the parser says of a key holds the key, which may be a secret that slipped."""


def read_toml(path: Path, what: str, *, hint: str = "") -> dict[str, object]:
    """Return the TOML tables of a file; may be empty.

    Args:
        path: The file.
        what: What it holds, for the message of an error: "configuration".
        hint: What to do where there is no such file.

    Raises:
        ConfigError: It is missing, cannot be read, is over 1 MiB, or is not TOML in UTF-8.
    """
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except FileNotFoundError:
        missing = "there is no such file" + (f"; {hint}" if hint else "")
        raise ConfigError([f"{path}: cannot read the {what}: {missing}"]) from None
    except OSError as error:
        raise ConfigError([f"{path}: cannot read the {what}: {error.strerror}"]) from error
    if len(content) > FILE_BYTES_MAX:
        raise ConfigError(
            [f"{path}: cannot read the {what}: it is larger than {FILE_BYTES_MAX} bytes"]
        )
    try:
        # An editor of Windows may have put a byte order mark first.
        return tomllib.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        cause = _KEYS.sub(r"\g<before>a key", str(error))
        raise ConfigError([f"{path}: cannot parse the {what}: {cause}"]) from error
