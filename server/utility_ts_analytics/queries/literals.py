"""Values in QuestDB's SQL text: the one place that quotes them.

A value that cannot be written safely is refused with `ValueError`; nothing is cleaned or cut.
Quoting then parsing gives the value back (STYLE section 4, law 10).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

# Four digits at most: QuestDB silently takes `99999999999h` for `1h`.
_SAMPLE_BY = re.compile(r"([1-9][0-9]{0,3})([smhdwMy])")


_TABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,126}", re.ASCII)
_NO_KEYWORD = re.compile(r"[a-z]+(?:_[a-z0-9]+)+", re.ASCII)
"""No keyword of QuestDB has an underscore."""


@dataclass(frozen=True, slots=True)
class SampleInterval:
    """The stride of a SAMPLE BY.

    Attributes:
        count: How many units, 1..9999.
        unit: `s`, `m` (minutes), `h`, `d`, `w`, `M` (months) or `y`; also the unit of `dateadd`.
    """

    count: int
    unit: str

    @property
    def sql(self) -> str:
        """The interval as SAMPLE BY wants it, such as `15m`."""
        return f"{self.count}{self.unit}"


def quote_text(value: str) -> str:
    """Return `value` as a SQL text literal, quotes included.

    Only the single quote is special to QuestDB: backslashes, line breaks, comment signs and `$1`
    stand for themselves inside a literal.

    Compare with it, select it or insert it; never cast it or hand it to a function: QuestDB 9.3.4
    unquotes a constant argument twice, so that a text which starts with a quote loses both its
    ends (`test_cast_keeps_a_text_that_starts_with_a_quote`).

    Args:
        value: Any text, also empty, without U+0000 and lone surrogates.

    Raises:
        ValueError: The text has a character that QuestDB cannot take.
    """
    if "\x00" in value:
        msg = "cannot quote text: it holds U+0000, which QuestDB does not take"
        raise ValueError(msg)
    try:
        value.encode()
    except UnicodeEncodeError as cause:
        msg = "cannot quote text: it holds half of a surrogate pair, which is no UTF-8"
        raise ValueError(msg) from cause
    return "'" + value.replace("'", "''") + "'"


def quote_texts(values: Iterable[str], what: str) -> str:
    """Return `values` as literals parted by commas, for an IN.

    Args:
        values: At least one.
        what: What they are, in the plural, for the message of an error.

    Raises:
        ValueError: There is none, `values` is one text, or one holds a character that QuestDB
            cannot take.
    """
    if isinstance(values, str):
        # A text is an iterable of texts too: it would silently ask for names of one letter.
        msg = f"cannot query {what}: give a list of names, not the one text {values!r}"
        raise ValueError(msg)  # noqa: TRY004 - one error class for every bad value, as documented
    quoted = ", ".join(quote_text(value) for value in values)
    if not quoted:
        msg = f"cannot query {what}: the list is empty, name at least one"
        raise ValueError(msg)
    return quoted


def quote_table(name: str) -> str:
    """Return the name of a table for SQL: as it is, or in double quotes if it may be a keyword.

    Raises:
        ValueError: It is no name that the configuration takes.
    """
    if _TABLE.fullmatch(name) is None:
        msg = f"cannot query table {name!r}: give up to 127 letters, digits and underscores"
        raise ValueError(msg)
    return name if _NO_KEYWORD.fullmatch(name) else f'"{name}"'


def quote_timestamp(value: datetime) -> str:
    """Return `value` as a literal that QuestDB reads as a TIMESTAMP: UTC, microseconds, quoted.

    Args:
        value: An aware time whose UTC time lies in the years 1..9999.

    Raises:
        ValueError: The time is naive, or outside those years once in UTC.
    """
    return "'" + in_utc(value).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z'"


def in_utc(value: datetime) -> datetime:
    """Return the same instant in UTC.

    Raises:
        ValueError: The time is naive, or outside the years 1..9999 once in UTC.
    """
    if value.utcoffset() is None:
        msg = f"cannot use time {value.isoformat()}: it has no time zone, give it one (such as UTC)"
        raise ValueError(msg)
    try:
        return value.astimezone(UTC)
    except OverflowError as cause:
        msg = f"cannot use time {value.isoformat()}: it is outside the years 1 to 9999 in UTC"
        raise ValueError(msg) from cause


def parse_sample_by(text: str) -> SampleInterval:
    """Return the interval that `text`, such as `15m`, `1h` or `1d`, stands for.

    Raises:
        ValueError: The text is no whole number 1..9999 followed by one of `s m h d w M y`.
    """
    match = _SAMPLE_BY.fullmatch(text)
    if match is None:
        msg = f"cannot sample by {text!r}: give a number 1..9999 and one of s m h d w M y, as in 1h"
        raise ValueError(msg)
    return SampleInterval(count=int(match[1]), unit=match[2])
