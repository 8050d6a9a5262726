"""A query with its question, as it is saved in `sql/analysis/` for people with a SQL client.

Every topic module ends with a tuple `SAVED` of these; `queries.catalogue` collects them, and
`scripts/make_analysis_sql.py` writes the files.
"""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from utility_ts_analytics.queries.time_range import TimeRange

SAMPLE_WEEK = TimeRange(datetime(2024, 6, 3, tzinfo=UTC), datetime(2024, 6, 10, tzinfo=UTC))
"""What saved queries ask about: all of `data-samples/`."""
SAMPLE_ZONE = "Europe/Berlin"
"""Local time of `data-samples/`."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_SECTION = re.compile(r"^(?:Args|Raises|Returns):", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """A query of `sql/analysis/`, built by a builder with the values of the sample week.

    Attributes:
        name: Of the file, without `.sql`; lower-case letters, digits and `_`, at most 63.
        question: One line that ends with a question mark.
        sql: What the builder returned.
        notes: Result columns, formula, units and null rules, as `notes_of` its builder returns
            them; each query of the catalogue has some.

    Raises:
        ValueError: `name` or `question` has another form.
    """

    name: str
    question: str
    sql: str
    notes: str = ""

    def __post_init__(self) -> None:
        if _NAME.fullmatch(self.name) is None:
            raise ValueError(
                f"cannot save a query as {self.name!r}: a name has 1..63 lower-case letters,"
                " digits and _, a letter first"
            )
        if not self.question.endswith("?") or len(self.question.splitlines()) != 1:
            raise ValueError(
                f"cannot save the query {self.name}: its question must be one line that ends with ?"
            )

    def file_text(self) -> str:
        """Return what `sql/analysis/<name>.sql` holds: a header of comments, then the statement."""
        lines = [self.question]
        if self.notes:
            lines += ["", *self.notes.splitlines()]
        header = "".join(f"-- {line}".rstrip() + "\n" for line in lines)
        return f"{header}\n{self.sql};\n"


def notes_of(builder: Callable[..., str]) -> str:
    """Return what the docstring of a builder says about its result.

    That is everything between its first paragraph and `Args:`: the same words, so that the two
    cannot differ. Empty where Python runs without docstrings.
    """
    text = inspect.getdoc(builder) or ""
    _, _, rest = text.partition("\n\n")
    return _SECTION.split(rest, maxsplit=1)[0].strip()
