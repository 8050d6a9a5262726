"""What a table has to be: the files of `sql/schema`, statement by statement -> `TableSpec`."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType

from utility_ts_analytics.errors import OperatorError

_PACKAGE = Path(__file__).resolve().parents[1]
SCHEMA_DIRECTORIES = (
    _PACKAGE / "_sql" / "schema",  # an installed wheel
    _PACKAGE.parents[1] / "sql" / "schema",  # a checkout
)
VIEW_DIRECTORIES = tuple(directory.with_name("views") for directory in SCHEMA_DIRECTORIES)

_CREATE = "CREATE TABLE IF NOT EXISTS "

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


def schema_text(stream_tables: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return all schema files, one after the other, each under a line with its name.

    Args:
        stream_tables: Names of the streams' tables where they differ; all else is as in the files.

    Raises:
        OperatorError: As `schema_files`.
    """
    text = "\n".join(f"-- {file.name}\n{file.read_text('utf-8')}" for file in schema_files())
    for name, table in stream_tables.items():
        if table != name:
            text = text.replace(f"{_CREATE}{name} (", f'{_CREATE}"{table}" (')
    return text


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


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """One column.

    Attributes:
        name: As written; QuestDB compares names without case.
        type: QuestDB's name of the type, in capitals.
        capacity: Distinct values of a SYMBOL to make room for; None takes QuestDB's default.
            Only said when the table is made: QuestDB changes it by itself afterwards.
    """

    name: str
    type: str
    capacity: int | None = None


@dataclass(frozen=True, slots=True)
class TableSpec:
    """One table of the schema.

    Attributes:
        name: As written.
        columns: In the order of the statement, never empty.
        timestamp: Name of the designated timestamp column.
        partition_by: `DAY`, `MONTH`, ...; `NONE` if not partitioned.
        wal: Whether it goes through the write-ahead log.
        dedup_keys: DEDUP UPSERT KEYS in the order written; empty without DEDUP.
    """

    name: str
    columns: tuple[ColumnSpec, ...]
    timestamp: str
    partition_by: str
    wal: bool
    dedup_keys: tuple[str, ...]

    def named(self, name: str) -> "TableSpec":
        """Return the same table under another name, as the config may give a stream's table."""
        return replace(self, name=name)


@cache
def table_specs() -> Mapping[str, TableSpec]:
    """Return the tables of `sql/schema` by name, in the order of the files.

    Raises:
        OperatorError: The files are missing, are not what `parse_table` reads, or name one table
            twice.
    """
    return MappingProxyType(specs_by_name(schema_statements()))


def specs_by_name(statements: Iterable[Statement]) -> dict[str, TableSpec]:
    """Return what `statements` create, by name, in their order.

    Raises:
        OperatorError: As `parse_table`, or one table is named twice.
    """
    specs: dict[str, TableSpec] = {}
    for statement in statements:
        spec = parse_table(statement)
        if spec.name in specs:
            raise OperatorError(f"cannot read {statement.origin}: second table {spec.name}")
        specs[spec.name] = spec
    return specs


def parse_table(statement: Statement) -> TableSpec:
    """Read one `CREATE TABLE IF NOT EXISTS`.

    Only what `sql/schema` uses is known, so that nothing in it can go unchecked: a column is a name
    and a type, a SYMBOL perhaps with its CAPACITY; after the columns come TIMESTAMP, PARTITION BY,
    WAL and DEDUP, in this order.

    Raises:
        OperatorError: The statement is anything else; names the file, the line and the word.
    """
    words = _Words(statement)
    words.expect("CREATE", "TABLE", "IF", "NOT", "EXISTS")
    name = words.take()
    words.expect("(")
    columns = tuple(_parse_columns(words))
    words.expect("TIMESTAMP", "(")
    timestamp = words.take()
    words.expect(")")
    partition_by = "NONE"
    if words.skip("PARTITION"):
        words.expect("BY")
        partition_by = words.take().upper()
    wal = words.skip("WAL")
    dedup_keys: tuple[str, ...] = ()
    if words.skip("DEDUP"):
        words.expect("UPSERT", "KEYS", "(")
        dedup_keys = tuple(_parse_names(words))
    words.expect_end()
    spec = TableSpec(name, columns, timestamp, partition_by, wal, dedup_keys)
    known = {column.name for column in columns}
    if unknown := [key for key in (timestamp, *dedup_keys) if key not in known]:
        raise OperatorError(
            f"cannot read {statement.origin}: table {name} has no column {unknown[0]}"
        )
    return spec


class _Words:
    """The tokens of one statement, read from left to right."""

    def __init__(self, statement: Statement) -> None:
        self._origin = statement.origin
        self._tokens = statement.tokens
        self._index = 0

    def take(self) -> str:
        """Return the next word, whatever it is."""
        if self._index == len(self._tokens):
            raise OperatorError(f"cannot read {self._origin}: the statement ends too early")
        self._index += 1
        return self._tokens[self._index - 1]

    def take_number(self) -> int:
        """Return the next word, which is a whole number."""
        word = self.take()
        if not word.isdecimal():
            raise OperatorError(f"cannot read {self._origin}: expected a number, found {word}")
        return int(word)

    def skip(self, word: str) -> bool:
        """Step over the next word if it is `word`; say whether it was."""
        there = self._index < len(self._tokens) and self._tokens[self._index].upper() == word
        self._index += there
        return there

    def expect(self, *words: str) -> None:
        """Step over exactly these words."""
        for word in words:
            found = self.take()
            if found.upper() != word:
                raise OperatorError(f"cannot read {self._origin}: expected {word}, found {found}")

    def expect_end(self) -> None:
        """Fail unless all was read."""
        if self._index < len(self._tokens):
            raise OperatorError(
                f"cannot read {self._origin}: unexpected {self._tokens[self._index]}"
            )


def _parse_columns(words: _Words) -> Iterable[ColumnSpec]:
    while True:
        name, type_ = words.take(), words.take().upper()
        capacity = words.take_number() if words.skip("CAPACITY") else None
        yield ColumnSpec(name, type_, capacity)
        if not words.skip(","):
            words.expect(")")
            return


def _parse_names(words: _Words) -> Iterable[str]:
    while True:
        yield words.take()
        if not words.skip(","):
            words.expect(")")
            return
