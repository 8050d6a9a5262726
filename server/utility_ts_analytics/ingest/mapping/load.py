"""Reads a mapping file and reports everything that is wrong with it at once, as `config` does."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from utility_ts_analytics.config.problems import Problems, join_path, shown_value
from utility_ts_analytics.config.section import Section
from utility_ts_analytics.config.tree import overlay
from utility_ts_analytics.errors import ConfigError
from utility_ts_analytics.ingest.mapping.checks import Tables, check_all
from utility_ts_analytics.ingest.mapping.fields import read_fields
from utility_ts_analytics.ingest.mapping.model import (
    FileMapping,
    FileSection,
    Nem12Section,
    TimeSection,
    WideSection,
)
from utility_ts_analytics.records.streams import STREAMS

FILE_BYTES_MAX = 1_048_576

_KEYS = ("stream", "file", "time", "wide", "nem12", "fields", "only")
_LISTS = frozenset(
    ("columns", "format", "null", "skip_lines_starting_with", "only_lines_starting_with")
)
"""Keys of lists, of which one alone may stand without brackets."""


def load_mapping(path: Path) -> FileMapping:
    """Return the mapping of a TOML file.

    Raises:
        ConfigError: It cannot be read, or with every problem in it; each names the file.
    """
    try:
        content = path.read_bytes()[: FILE_BYTES_MAX + 1]
        if len(content) > FILE_BYTES_MAX:
            raise ConfigError([f"{path}: it is larger than {FILE_BYTES_MAX} bytes"])
        tables = tomllib.loads(content.decode("utf-8-sig"))
    except OSError as error:
        raise ConfigError([f"{path}: cannot read the mapping: {error.strerror}"]) from error
    except (ValueError, RecursionError) as error:
        raise ConfigError([f"{path}: cannot parse the mapping: {error}"]) from error
    try:
        return parse_mapping(tables)
    except ConfigError as error:
        raise ConfigError([f"{path}: {problem}" for problem in error.problems]) from None


def parse_mapping(tables: Mapping[str, object]) -> FileMapping:
    """Return the mapping that TOML tables make.

    Raises:
        ConfigError: With every problem, those across keys last.
    """
    problems = Problems()
    for key in tables:
        if key not in _KEYS:
            problems.add(join_path("", key), f"is no known key; these are: {', '.join(_KEYS)}")
    stream = tables.get("stream")
    if not isinstance(stream, str) or stream not in STREAMS:
        known = " or ".join(shown_value(name) for name in STREAMS)
        problems.add(
            "stream", f"must be {known}, is {shown_value(stream) if stream else 'not set'}"
        )
        raise ConfigError(problems.lines)
    spec = STREAMS[stream]
    given = Tables(tables)
    file = _section(FileSection(), tables, "file", problems)
    time = _section(TimeSection(), tables, "time", problems)
    nem12 = _section(Nem12Section(), tables, "nem12", problems)
    wide = None
    if "wide" in tables:
        unset = WideSection(field="", first_column="", last_column="")
        wide = _section(unset, tables, "wide", problems)
    only = _read_only(tables.get("only", {}), problems)
    fields = read_fields(given, spec, file, time, problems)
    mapping = FileMapping(stream, file, time, wide, nem12, fields, only)
    check_all(mapping, spec, given, problems)
    problems.raise_if_any()
    return mapping


def _section(default: Any, tables: Mapping[str, object], key: str, problems: Problems) -> Any:  # noqa: ANN401
    """Return one section laid over its defaults."""
    table = tables.get(key, {})
    if not isinstance(table, dict):
        problems.add(key, f"must be a table, is {shown_value(table)}")
        return default
    lists = {
        name: [value] if name in _LISTS and isinstance(value, str) else value
        for name, value in table.items()
    }
    read: Section = overlay(default, lists, problems, key)
    return read


def _read_only(table: object, problems: Problems) -> dict[str, tuple[str, ...]]:
    """Return `[only]`: columns of the file and the texts to take."""
    if not isinstance(table, dict):
        problems.add("only", f"must be a table, is {shown_value(table)}")
        return {}
    only: dict[str, tuple[str, ...]] = {}
    for column, value in table.items():
        words = [value] if isinstance(value, str) else value
        if isinstance(words, list) and words and all(isinstance(word, str) for word in words):
            only[column] = tuple(words)
        else:
            problems.add(join_path("only", column), "must be a text or a list of texts")
    return only
