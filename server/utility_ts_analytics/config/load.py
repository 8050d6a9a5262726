"""Finds and reads the configuration: file, then environment, then the checks across keys."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from utility_ts_analytics.config.checks import conflicts
from utility_ts_analytics.config.environment import with_environment
from utility_ts_analytics.config.model import Config
from utility_ts_analytics.config.problems import Problems
from utility_ts_analytics.config.tree import overlay
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


PATH_VARIABLE = "INGESTION_CONFIG"
DEFAULT_PATH = Path("ingestion-config.toml")


def load_config(path: Path | None, environ: Mapping[str, str]) -> Config:
    """Return the configuration of a file and the environment.

    Args:
        path: What `--config` says; None leaves it to `$INGESTION_CONFIG`, and without that to
            `ingestion-config.toml` in the working directory.
        environ: The environment, as `os.environ`.

    Raises:
        ConfigError: With every problem of file and environment, or that the file cannot be read.
    """
    return parse_config(read_tables(find_path(path, environ)), environ)


def find_path(path: Path | None, environ: Mapping[str, str]) -> Path:
    """Return the path that `load_config` reads. Nothing says that it exists."""
    if path is not None:
        return path
    return Path(environ.get(PATH_VARIABLE) or DEFAULT_PATH)


def read_tables(path: Path) -> dict[str, object]:
    """Return the TOML tables of a file; may be empty, as every key has a default.

    Raises:
        ConfigError: It is missing, cannot be read, or is not TOML in UTF-8.
    """
    return read_toml(
        path,
        "configuration",
        hint=(
            f"make one with `cp ingestion-config.example.toml {DEFAULT_PATH}`,"
            " or name another with --config"
        ),
    )


def parse_config(tables: Mapping[str, object], environ: Mapping[str, str]) -> Config:
    """Return the configuration that TOML tables and the environment make together.

    Args:
        tables: As `read_tables` returns them; an empty mapping gives the defaults.
        environ: Beats `tables`; an empty mapping leaves them as they are.

    Raises:
        ConfigError: With every problem, in the order of the tables; those across keys come last.
    """
    problems = Problems()
    config = overlay(Config(), with_environment(tables, environ, problems), problems)
    for conflict in conflicts(config):
        # A key that is wrong by itself holds its default here, which says nothing.
        if problems.paths.isdisjoint(conflict.paths):
            problems.add(conflict.paths[0], conflict.message)
    problems.raise_if_any()
    return config
