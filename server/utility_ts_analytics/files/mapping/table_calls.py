"""The tables over the file that a mapping names: `csv($path, sep := ';')` and its kin.

`csv($path, ...)` and its kin are tables of ours: DuckDB's own reader gives up a whole file for a
broken quote in its first 2,000 records, and holds 2 KB for each refused one. They are found by
DuckDB's own tokenizer, so that neither a comment nor a text is taken for one.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import duckdb

from utility_ts_analytics.files.mapping.table_functions import TABLE_FUNCTIONS, TableFunction
from utility_ts_analytics.files.mapping.tokens import Token, one_line, tokens_of

PATH: Final = "$path"


@dataclass(frozen=True, slots=True)
class TableCall:
    """One table over the file, as the mapping names it.

    Attributes:
        function: Which.
        arguments: Of its parameters beside the path; all of them.
        name: Under which it stands in `Statement.sql`.
    """

    function: TableFunction
    arguments: Mapping[str, object]
    name: str


def with_names(text: str) -> tuple[str, list[TableCall]]:
    """Put names in the place of the tables of ours.

    Args:
        text: A statement without comments.

    Returns:
        The statement, and the tables in the order of the text.

    Raises:
        ValueError: One of them has arguments that it cannot have.
    """
    parts: list[str] = []
    calls: list[TableCall] = []
    end = 0
    tokens = tokens_of(text)
    prefix = _unused(text)
    for index, token in enumerate(tokens):
        function = TABLE_FUNCTIONS.get(token.text.strip('"').lower())
        if token.start < end or function is None or not _is_table(tokens, index):
            continue
        close, arguments = _arguments(text, tokens, index + 1)
        name = f"{prefix}{len(calls) + 1}"
        calls.append(TableCall(function, _bound(function, arguments), name))
        # As with a table function of DuckDB's, columns can be told by its name: csv.rec.
        alias = "" if _has_alias(tokens[close + 1 :]) else f" AS {function.name}"
        stop = tokens[close].end
        parts += [text[end : token.start], name, alias, "\n" * text.count("\n", token.start, stop)]
        end = stop
    return "".join([*parts, text[end:]]), calls


def _unused(text: str) -> str:
    """Return what names can begin with so that the statement has none of them for anything else."""
    prefix, lower = "records_", text.lower()
    while prefix in lower:
        prefix += "_"
    return prefix


_BEFORE_TABLE: Final = frozenset(("from", "join", "pivot", "unpivot"))


def _is_table(tokens: Sequence[Token], index: int) -> bool:
    """Tell whether a call stands where a table may: `FROM csv(...)`, `FROM a, csv($path)`."""
    if index + 1 >= len(tokens) or tokens[index + 1].text != "(":
        return False
    before = index - 1
    while before >= 0 and tokens[before].text == "(":
        before -= 1
    if before < 0:
        return False
    if tokens[before].text == ",":
        # Of a list of columns, names, or arguments, else.
        return PATH in [one.text.lower() for one in tokens[index + 2 : index + 5]]
    return tokens[before].text.lower() in _BEFORE_TABLE


def _has_alias(behind: Sequence[Token]) -> bool:
    """Tell whether a table has a name of its own."""
    if not behind:
        return False
    word = behind[0].text.lower()
    if behind[0].kind == duckdb.token_type.keyword:
        return word == "as" or word in _names_too()
    return behind[0].kind == duckdb.token_type.identifier


@cache
def _names_too() -> frozenset[str]:
    """Return the keywords that may be the name of a table."""
    rows = duckdb.connect().execute(
        "SELECT keyword_name FROM duckdb_keywords()"
        " WHERE keyword_category IN ('unreserved', 'column_name')"
    )
    return frozenset(str(row[0]) for row in rows.fetchall())


def _arguments(text: str, tokens: Sequence[Token], opening: int) -> tuple[int, list[str]]:
    """Return the index of the token that ends a call, and its arguments as they are written.

    Raises:
        ValueError: It does not end.
    """
    depth, start = 0, tokens[opening].end
    arguments: list[str] = []
    for index in range(opening, len(tokens)):
        token = tokens[index]
        if token.text in _OPENING:
            depth += 1
        elif token.text in _CLOSING:
            depth -= 1
            if not depth:
                last = text[start : token.start].strip()
                return index, [*arguments, *([last] if last else [])]
        elif token.text == "," and depth == 1:
            arguments.append(text[start : token.start].strip())
            start = token.end
    raise ValueError("a parenthesis is not closed")


_OPENING: Final = frozenset("([{")
_CLOSING: Final = frozenset(")]}")
_NAMED: Final = re.compile(r'"?(\w+)"?\s*(?::=|=>)\s*(.*)', re.DOTALL)


def _bound(function: TableFunction, arguments: Sequence[str]) -> Mapping[str, object]:
    """Return the value of each parameter.

    Raises:
        ValueError: An argument is unknown, given twice, no constant, or of the wrong type.
    """
    call = f"{function.name}({', '.join(['path', *function.parameters])})"
    first = _NAMED.fullmatch(arguments[0]) if arguments else None
    path = first[2] if first is not None and first[1].lower() == "path" else "".join(arguments[:1])
    if path.lower() != PATH:
        raise ValueError(f"{call}: the first argument must be $path: other files are not read")
    values = dict(function.parameters)
    given: set[str] = set()
    names = list(function.parameters)
    for place, argument in enumerate(arguments[1:]):
        named = _NAMED.fullmatch(argument)
        name, expression = (named[1].lower(), named[2]) if named else ("", argument)
        if not named:
            if place >= len(names):
                raise ValueError(f"{call}: there are too many arguments")
            name = names[place]
        if name not in values:
            raise ValueError(f"{call}: there is no argument {name}")
        if name in given:
            raise ValueError(f"{call}: {name} is given twice")
        given.add(name)
        values[name] = _value(call, name, expression, function.parameters[name])
    return values


def _value(call: str, name: str, expression: str, default: object) -> object:
    value = _constant(call, name, expression)
    wanted = str if default is None else type(default)
    if value is None and default is None:
        return None
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        word = {str: "a text", int: "a whole number", bool: "true or false"}[wanted]
        told = "NULL" if value is None else repr(value)
        raise ValueError(f"{call}: {name} must be {word}, is {told}")
    return "\t" if value == "\\t" else value


_TEXT: Final = re.compile(r"'((?:[^']|'')*)'", re.DOTALL)
_WHOLE: Final = re.compile(r"[0-9]{1,18}")
_TRUTHS: Final[Mapping[str, object]] = {"true": True, "false": False, "null": None}
_QUERIES: Final = frozenset(("select", "from", "values", "table", "with", "pivot", "unpivot"))


def _constant(call: str, name: str, expression: str) -> object:
    """Return the value of an expression.

    Raises:
        ValueError: It has none by itself.
    """
    # A database takes 70 ms to open, and what is written is nearly always one of these.
    if text := _TEXT.fullmatch(expression):
        return text[1].replace("''", "'")
    if _WHOLE.fullmatch(expression):
        return int(expression)
    if expression.lower() in _TRUTHS:
        return _TRUTHS[expression.lower()]
    if any(token.text.lower() in _QUERIES for token in tokens_of(expression)):
        raise ValueError(f"{call}: {name} must be a constant, not a query")
    if len(expression) > _CONSTANT_MAX:
        raise ValueError(
            f"{call}: {name} must be a constant, of {_CONSTANT_MAX} characters at most"
        )
    select = f"SELECT ({expression}\n)"
    row = None
    try:
        with duckdb.connect(config=_NO_FILES) as connection:
            told = connection.execute("SELECT json_serialize_sql($1)", [select]).fetchone()
            reason = _why_not_constant("{}" if told is None else told[0])
            if reason is None:
                row = connection.execute(select).fetchone()
    except duckdb.Error as error:
        reason = one_line(str(error))
    if reason is not None:
        raise ValueError(f"{call}: {name} must be a constant: {reason}")
    return None if row is None else row[0]


_CONSTANT_MAX: Final = 1_000
_HARMLESS: Final = frozenset(("chr", "||", "+", "-"))
_HARMLESS_TYPES: Final = frozenset(("VARCHAR", "INTEGER", "BIGINT", "BOOLEAN"))


def _why_not_constant(serialized: str) -> str | None:
    """Return why a SELECT is not of one expression that may be computed: it takes next to nothing.

    Args:
        serialized: It, as `json_serialize_sql` gives it.
    """
    try:
        tree = json.loads(serialized)
    except RecursionError:
        return "it is nested too deeply"
    if tree.get("error"):
        return str(tree.get("error_message"))
    nodes = [statement["node"] for statement in tree["statements"]]
    if len(nodes) != 1 or nodes[0]["type"] != "SELECT_NODE" or len(nodes[0]["select_list"]) != 1:
        return "it is more than one expression"
    if nodes[0]["from_table"]["type"] != "EMPTY":
        return "it is a query"
    return _why_not_harmless(nodes[0]["select_list"][0])


def _why_not_harmless(node: Mapping[str, Any]) -> str | None:
    match node["class"]:
        case "CONSTANT":
            return None
        case "FUNCTION" if node["function_name"].lower() in _HARMLESS:
            inner = [argument["expression"] for argument in node["arguments"]]
        case "CAST" if node["type_expr"].get("type_name") in _HARMLESS_TYPES:
            inner = [node["child"]]
        case "COLUMN_REF":
            return f"{'.'.join(node['column_names'])} is none"
        case _:
            what = node.get("function_name") or node["type"].lower()
            return f"{what} is not computed here: write a text, a number, true, false, or chr(9)"
    return next(filter(None, map(_why_not_harmless, inner)), None)


_NO_FILES: Final[dict[str, str | bool | int | float | list[str]]] = {
    "enable_external_access": "false",
    "python_enable_replacements": "false",
    "memory_limit": "64MB",
    "threads": 1,
}
