"""A mapping as it is written: one SELECT, and the tables over the file that it names."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from utility_ts_analytics.errors import ConfigError
from utility_ts_analytics.files.mapping.table_calls import PATH, TableCall, with_names
from utility_ts_analytics.files.mapping.tokens import (
    one_line,
    tokens_of,
    tree_of,
    without_comments,
)

_BYTES_MAX: Final = 1_048_576
_DEPTH_MAX: Final = 600
"""Of the tree of a statement; three for each `+`. Python's recursion ends at about 1,000."""

_TOO_DEEP: Final = (
    "its expressions or subqueries are nested too deeply: take a sum of more than a hundred columns"
    " in parts, or by list_sum([a, b, ...])"
)

_ENCODING: Final = re.compile(r"^\s*--\s*encoding:\s*(\S+)\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Statement:
    """A checked mapping.

    Attributes:
        sql: One SELECT; the tables of the file stand in it by their names, `$path` where it is
            asked for beside them.
        calls: The tables, in the order of the text.
        encoding: Of the file, as the head of the mapping says; None where it says nothing.
        text: As it was written.
        paths: Where `$path` stands in `sql`: begin, end, and whether it is asked for its name.
    """

    sql: str
    calls: Sequence[TableCall]
    encoding: str | None
    text: str
    paths: Sequence[tuple[int, int, bool]]

    @property
    def reads_path(self) -> bool:
        """Whether DuckDB's own functions are given the file, and not its name alone."""
        return any(not of_name for _, _, of_name in self.paths)

    @property
    def names_path(self) -> bool:
        """Whether the file stands in it, by its path or its name."""
        return bool(self.paths)

    @property
    def encoding_of_text(self) -> str:
        """How the file is written, as the head or the first table says."""
        named = [call.arguments.get("encoding") for call in self.calls]
        return self.encoding or str(next(filter(None, named), "utf-8"))

    def for_path(self, path: str, name: str) -> str:
        """Return the statement with the file in it.

        Args:
            path: Where it can be read.
            name: What `name_of` is told, such as the path of a member of a zip file.
        """
        parts: list[str] = []
        end = 0
        for start, stop, of_name in self.paths:
            # DuckDB takes no name that is not UTF-8; of one, what can be shown will do.
            text = os.fsencode(name).decode("utf-8", "replace") if of_name else path
            parts += [self.sql[end:start], "'" + text.replace("'", "''") + "'"]
            end = stop
        return "".join([*parts, self.sql[end:]])


def load_statement(path: Path) -> Statement:
    """Read and check a mapping.

    Raises:
        ConfigError: It cannot be read or used; names the file and what is wrong.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_BYTES_MAX + 1)
        if len(content) > _BYTES_MAX:
            raise ConfigError([f"--mapping: {path} is no mapping: it has more than 1 MiB"])
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        known = Path("mappings") / path.name
        there = f"; there is {known}" if known != path and known.is_file() else ""
        raise ConfigError([f"--mapping: cannot read {path}: {error.strerror}{there}"]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([f"--mapping: cannot read {path}: it is not UTF-8"]) from error
    if path.suffix == ".toml":
        raise ConfigError(
            [f"--mapping: {path}: a mapping is one SELECT in a .sql file now: see docs/MAPPINGS.md"]
        )
    try:
        return parse_statement(text)
    except ValueError as error:
        raise ConfigError([f"--mapping: {path}: {error}"]) from error


def parse_statement(text: str) -> Statement:
    """Check a mapping.

    Raises:
        ValueError: It is not one SELECT, or names a table of ours wrongly.
    """
    plain = without_comments(text)
    sql, calls = with_names(plain)
    try:
        statements = duckdb.extract_statements(sql)
    except duckdb.Error as error:
        raise ValueError(one_line(str(error))) from error
    if len(statements) != 1:
        raise ValueError(f"it must be one SELECT, and has {len(statements)} statements")
    kind = statements[0].type
    if kind == duckdb.StatementType.MULTI:
        raise ValueError("its PIVOT must say the values that become columns: ON x IN ('a', 'b')")
    if kind != duckdb.StatementType.SELECT:
        raise ValueError(f"it must be a SELECT, and is {kind.name}")
    unknown = sorted(set(statements[0].named_parameters) - {"path"})
    if unknown:
        raise ValueError(f"it asks for ${', $'.join(unknown)}: only $path is known")
    _check_depth(sql)
    sql = sql.strip().rstrip("; \r\n\t")
    return Statement(sql, calls, _encoding_of(text), text, list(_paths(sql)))


def _check_depth(sql: str) -> None:
    """Make sure that what looks at the tree of a statement gets to its leaves.

    Raises:
        ValueError: It does not.
    """
    try:
        level: list[object] = [tree_of(sql)]
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    for _ in range(_DEPTH_MAX):
        level = [part for node in level for part in _parts(node)]
        if not level:
            return
    raise ValueError(_TOO_DEEP)


def _parts(node: object) -> Iterable[object]:
    if isinstance(node, dict):
        return node.values()
    return node if isinstance(node, list) else ()


def source_columns(statement: Statement, columns: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """Return the columns of the file that each column of the result is made of.

    Only what the outermost SELECT says plainly: `num("Load") AS kwh` is made of `Load`.

    Args:
        statement: The mapping.
        columns: Of the file.
    """
    statements = tree_of(statement.for_path("", "")).get("statements") or [{}]
    known = {name.lower(): name for name in columns if name != "rec"}
    found: dict[str, Sequence[str]] = {}
    for item in statements[0].get("node", {}).get("select_list", []):
        names = list(dict.fromkeys(_column_names(item)))
        field = item.get("alias") or (names[0] if len(names) == 1 else "")
        found[field.lower()] = [known[name.lower()] for name in names if name.lower() in known]
    return found


def _column_names(node: object) -> Iterator[str]:
    """Yield the last names of the columns that an expression refers to."""
    if isinstance(node, list):
        for part in node:
            yield from _column_names(part)
    elif isinstance(node, dict):
        if node.get("class") == "COLUMN_REF" and node.get("column_names"):
            yield node["column_names"][-1]
        for part in node.values():
            yield from _column_names(part)


def _encoding_of(text: str) -> str | None:
    """Return what the comments above the statement say."""
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("--"):
            break
        found = _ENCODING.match(line)
        if found is not None:
            return found[1]
    return None


def _paths(text: str) -> Iterator[tuple[int, int, bool]]:
    """Yield where `$path` stands, and whether it is asked for its name."""
    tokens = tokens_of(text)
    for index, token in enumerate(tokens):
        if token.text.lower() == PATH:
            before = [one.text.lower() for one in tokens[max(0, index - 4) : index]]
            of_name = before[-2:] == ["name_of", "("] or before[-4:-1] == ["name_of", "(", "path"]
            yield token.start, token.end, of_name
