"""The files of `sql/`: where they are, and how they split into statements and words."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from utility_ts_analytics.errors import OperatorError

_PACKAGE = Path(__file__).resolve().parents[1]
SCHEMA_DIRECTORIES = (
    _PACKAGE / "_sql" / "schema",  # an installed wheel
    _PACKAGE.parents[1] / "sql" / "schema",  # a checkout
)
VIEW_DIRECTORIES = tuple(directory.with_name("views") for directory in SCHEMA_DIRECTORIES)

_TOKEN = re.compile(
    r"""
      (?P<space>  \s+ | --[^\n]* | /\*.*?\*/ )
    | (?P<quoted> "(?:[^"]|"")+" )
    | (?P<text>   '(?:[^']|'')*' )
    | (?P<word>   [A-Za-z_][A-Za-z0-9_]* | [0-9]+ )
    | (?P<mark>   [(),;.=] )
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Statement:
    """One SQL statement of a schema file.

    Attributes:
        text: As written, comments within it included, without the closing `;`.
        tokens: Its words and marks in order, without comments. Names in double quotes are unquoted
            but keep their case, like other words; texts keep their single quotes.
        origin: `file:line` of its first word, for messages.
    """

    text: str
    tokens: tuple[str, ...]
    origin: str


def schema_files(directories: tuple[Path, ...] = SCHEMA_DIRECTORIES) -> tuple[Path, ...]:
    """Return the schema files in the order to apply them, from the first directory that has any.

    Raises:
        OperatorError: There are none: the installation is not complete.
    """
    for directory in directories:
        if files := sorted(directory.glob("*.sql")):
            return tuple(files)
    raise OperatorError(
        f"cannot find the schema: no *.sql in {' or '.join(map(str, directories))}; "
        "install the package again"
    )


@cache
def schema_text() -> str:
    """Return all schema files as they are, one after the other, each under a line with its name.

    Raises:
        OperatorError: As `schema_files`.
    """
    return "\n".join(f"-- {file.name}\n{file.read_text('utf-8')}" for file in schema_files())


@cache
def schema_statements() -> tuple[Statement, ...]:
    """Return the statements of all schema files, in the order to apply them.

    Raises:
        OperatorError: As `schema_files`, or a file is not SQL that `split_statements` reads.
    """
    return tuple(
        statement
        for file in schema_files()
        for statement in split_statements(file.read_text("utf-8"), file.name)
    )


def split_statements(sql: str, origin: str) -> Iterator[Statement]:
    """Yield the statements of `sql`; a `;` in a comment, a text or a quoted name ends none.

    Statements without a word are left out: QuestDB answers them with a message that its client
    cannot read. The last one needs no `;`.

    Args:
        sql: Any number of statements.
        origin: What to call `sql` in messages, such as the name of its file.

    Raises:
        OperatorError: A character belongs to none of the words this reads; names the line.
    """
    tokens: list[str] = []
    start = position = 0
    while position < len(sql):
        found = _TOKEN.match(sql, position)
        if found is None:
            raise OperatorError(
                f"cannot read {origin}:{_line(sql, position)}: "
                f"unexpected {sql[position : position + 10].splitlines()[0]!r}"
            )
        if found["mark"] == ";":
            if tokens:
                yield Statement(sql[start:position], tuple(tokens), f"{origin}:{_line(sql, start)}")
            tokens = []
        elif not found["space"]:
            start = start if tokens else position
            tokens.append(_value(found))
        position = found.end()
    if tokens:
        yield Statement(sql[start:].rstrip(), tuple(tokens), f"{origin}:{_line(sql, start)}")


def _value(found: re.Match[str]) -> str:
    quoted = found["quoted"]
    return quoted[1:-1].replace('""', '"') if quoted else found[0]


def _line(sql: str, position: int) -> int:
    return sql.count("\n", 0, position) + 1
