"""How separated text is cut, the arguments of `csv()` in a mapping; the names of its columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from utility_ts_analytics.errors import OperatorError

_BLANKS: Final = " \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
_NAME_BLANKS: Final = f"{_BLANKS}\u202f\u205f\u3000"
"""What DuckDB takes off the ends of a name; a tab is not among them."""

_LOWER: Final = str.maketrans({chr(code): chr(code + 32) for code in range(ord("A"), ord("Z") + 1)})


@dataclass(frozen=True, slots=True)
class CsvRules:
    """How text is cut into records and cells.

    Attributes:
        sep: One character between cells.
        header: Whether the first record names the columns; else they are `column0`, `column1`, ...
        skip: Lines to leave out at the top.
        encoding: Of the file.
        quote: One character around cells, or none.
        ragged: Whether records may have fewer cells than there are columns; the rest is NULL.
        strict: Whether filled cells beyond the last column refuse their record; else they are
            dropped. Empty ones are never a fault.
    """

    sep: str = ","
    header: bool = True
    skip: int = 0
    encoding: str = "utf-8"
    quote: str = '"'
    ragged: bool = False
    strict: bool = True

    def takes(self, cells: Sequence[str], width: int) -> bool:
        """Tell whether a record with these cells fits a table of `width` columns."""
        if len(cells) < width:
            return self.ragged
        return not self.strict or not any(cells[width:])


def checked_rules(rules: CsvRules, name: str) -> CsvRules:
    """Return the rules.

    Args:
        rules: As a mapping has them.
        name: Of the file, for messages.

    Raises:
        OperatorError: They cannot be used.
    """
    what = f"cannot read {name}: "
    for key, value in (("sep", rules.sep), ("quote", rules.quote)):
        if key == "quote" and not value:
            continue
        if len(value) != 1 or not "\0" < value <= "\x7f" or value in "\r\n":
            empty = " or ''" if key == "quote" else ""
            raise OperatorError(f"{what}{key} must be one ASCII character{empty}, is {value!r}")
    if rules.sep == rules.quote:
        raise OperatorError(f"{what}sep and quote must differ, both are {rules.sep!r}")
    if rules.skip < 0:
        raise OperatorError(f"{what}skip must be at least 0, is {rules.skip}")
    return rules


def column_names(names: Sequence[str]) -> list[str]:
    """Return names as SQL has them: trimmed, each once whatever its case, none empty.

    The second `Usage` is `Usage_1`, an empty third name `column2`: as DuckDB names them
    (`test_names_are_those_of_duckdb`). `rec` is taken, by the number of the record.
    """
    digits = len(str(max(len(names) - 1, 1)))
    counts: dict[str, int] = {"rec": 0}
    found: list[str] = []
    for index, name in enumerate(names):
        new = name.strip(_NAME_BLANKS) or f"column{index:0{digits}}"
        while (lower := new.translate(_LOWER)) in counts:
            counts[lower] += 1
            new = f"{new}_{counts[lower]}"
        counts[lower] = 0
        found.append(new)
    return found
