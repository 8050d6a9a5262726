"""The questions of a period: one SQL file each, with a head of comments that describes it.

`analyze QUESTION --show` prints the head, and the engine reads four kinds of its lines:

- the first one, the question itself, which ends with a question mark;
- `Parameters:`, then one line each: `$name = default`, in SQL, and what it means;
- `Reads:`, the tables with rows that it needs (`meter_usage`, `tariff`, ...; reference tables are
  always there);
- `Uses:`, other questions that it selects from.

A parameter `$name` becomes DuckDB's variable of that name, not a prepared parameter: DuckDB knows
the values of variables when it plans, so that it can skip files and row groups, and the views and
macros of the prelude may use them too.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent / "questions"
PRELUDE: Final = Path(__file__).parent / "prelude.sql"

_PARAMETER = re.compile(r"--   \$([a-z_]+) = ('[^']*'|\[[^]]*\]|-?[0-9.]+|NULL)(?:  +(.*))?")
_PARTS = re.compile(r"--[^\n]*|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\$([a-z_]+)")
_NAMED = re.compile(r"-- (Reads|Uses): (.+)")


@dataclass(frozen=True, slots=True)
class Question:
    """One question.

    Attributes:
        name: Of its file, without `.sql`.
        title: The question, one line.
        head: All its comments at the top, without their dashes.
        sql: The file as it stands: one SELECT.
        defaults: SQL literal of each of its own parameters, by name.
        reads: Tables that it needs.
        uses: Questions that it selects from.
    """

    name: str
    title: str
    head: str
    sql: str
    defaults: Mapping[str, str]
    reads: Sequence[str]
    uses: Sequence[str]


def question_of_text(name: str, text: str) -> Question:
    """Return the question that a file holds.

    Args:
        name: What to call it.
        text: Of the file.
    """
    lines = []
    for line in text.splitlines():
        if not line.startswith("--"):
            break
        lines.append(line)
    defaults = {found[1]: found[2] for line in lines if (found := _PARAMETER.fullmatch(line))}
    named = {found[1]: found[2].split(", ") for line in lines if (found := _NAMED.fullmatch(line))}
    head = [line.removeprefix("--").removeprefix(" ") for line in lines]
    title = head[0] if head else name
    return Question(
        name,
        title,
        "\n".join(head).strip(),
        text.rstrip().removesuffix(";"),
        defaults,
        named.get("Reads", []),
        named.get("Uses", []),
    )


@cache
def all_questions() -> Mapping[str, Question]:
    """Return every question by name, and after them the parts that only others select from."""
    paths = [*sorted(FOLDER.glob("*.sql")), *sorted((FOLDER / "parts").glob("*.sql"))]
    return {path.stem: question_of_text(path.stem, path.read_text()) for path in paths}


@cache
def question_names() -> Sequence[str]:
    """Return the names of the questions that people ask, by name."""
    return [path.stem for path in sorted(FOLDER.glob("*.sql"))]


def with_used(question: Question) -> Iterator[Question]:
    """Yield what a question selects from, each before what needs it, and the question last."""
    yield from {one.name: one for one in _used(question)}.values()


def parameters_of(question: Question) -> Mapping[str, str]:
    """Return the default of each parameter, of the question and of those that it uses.

    A question's own default wins.
    """
    defaults: dict[str, str] = {}
    for one in with_used(question):
        defaults |= one.defaults
    return defaults


def reads_of(question: Question) -> frozenset[str]:
    """Return the tables that a question needs, those of what it uses included."""
    return frozenset(table for one in with_used(question) for table in one.reads)


def bound(sql: str) -> str:
    """Return the text with its parameters as variables; texts and comments stay as they are."""
    return _PARTS.sub(lambda found: f"getvariable('{found[1]}')" if found[1] else found[0], sql)


def parameters_in(sql: str) -> frozenset[str]:
    """Return the names of the parameters that a text has."""
    return frozenset(found[1] for found in _PARTS.finditer(sql) if found[1])


def _used(question: Question) -> Iterator[Question]:
    for name in question.uses:
        yield from _used(all_questions()[name])
    yield question
