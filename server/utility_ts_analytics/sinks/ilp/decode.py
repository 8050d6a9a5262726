"""ILP lines back to rows: for the few that must go another way after they were encoded.

Reads what `sinks.ilp.encode` writes, and nothing else. About 3 us per row, twenty times what the
encoder takes: only rows that QuestDB refuses, that go by the fallback or to the spool come here.
"""

import functools
import re
import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from utility_ts_analytics.records.reading import Reading

_TEXT: Final = rb'"([^"\\]*(?:\\.[^"\\]*)*)"'
_NUMBER: Final = rb"=\x10(.{8})"
_ESCAPED: Final = re.compile(rb"\\(.)", re.DOTALL)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_unpack: Final[Callable[[bytes], tuple[float]]] = struct.Struct("<d").unpack


def rows_of_lines(lines: bytes, escaped_table: bytes, record_type: type[Reading]) -> list[Reading]:
    """Return the rows that `lines` were made of, in order; their times as UTC.

    Args:
        lines: Whole lines, of one table.
        escaped_table: Its name as it stands in them.
        record_type: Of the rows.

    Raises:
        AssertionError: They are not lines of our encoder.
    """
    names, line = _line_of(escaped_table, record_type)
    rows = []
    at = 0
    while at < len(lines):
        found = line.match(lines, at)
        if found is None:
            raise AssertionError(f"no line of our encoder at byte {at}")
        *values, microseconds = found.groups()
        fields: dict[str, object] = {"ts": _EPOCH + timedelta(microseconds=int(microseconds))}
        for name, text, number in zip(names, values[::2], values[1::2], strict=True):
            if text is not None:
                fields[name] = (_ESCAPED.sub(rb"\1", text) if b"\\" in text else text).decode()
            elif number is not None:
                fields[name] = _unpack(number)[0]
        rows.append(record_type(**fields))  # type: ignore[arg-type]  # checked when they came in
        at = found.end()
    return rows


@functools.cache
def _line_of(table: bytes, record_type: type[Reading]) -> tuple[list[str], re.Pattern[bytes]]:
    """Return the names of all fields but `ts`, and the pattern of a line: two groups for each."""
    names = [name for name in record_type.__struct_fields__ if name != "ts"]
    fields = b"".join(rb"(?:[ ,]%s=(?:%s|%s))?" % (name.encode(), _TEXT, _NUMBER) for name in names)
    return names, re.compile(re.escape(table) + fields + rb" (\d+)t\n", re.DOTALL)
