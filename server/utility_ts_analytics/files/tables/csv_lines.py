"""Lines of separated text on their way to records."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from utility_ts_analytics.files.tables.text import TextFile, lines_of
from utility_ts_analytics.reading.lines import LineBlock, LongLine


@dataclass(frozen=True, slots=True)
class Lines:
    """Whole lines of the file, and the number of the first."""

    data: bytes
    first: int
    count: int


def lines_behind(text: TextFile, skip: int) -> "Iterator[Lines | LongLine]":
    """Yield the lines behind the first `skip`."""
    for part in text.parts():
        if isinstance(part, LongLine):
            if part.line > skip:
                yield part
        elif part.first_line > skip:
            yield Lines(part.data, part.first_line, part.lines)
        elif part.first_line + part.lines - 1 > skip:
            yield _cut_off(part, skip)


def part_of(lines: Lines, ends: npt.NDArray[np.intp], begin: int, end: int) -> Lines:
    """Return the lines from `begin` to before `end`, of which `ends` are the ends."""
    data = lines.data[ends[begin - 1] if begin else 0 : ends[end - 1]]
    return Lines(data, lines.first + begin, end - begin)


class LineTexts:
    """Text of each line of a block, cut only if one is asked for."""

    def __init__(self, data: bytes, text: TextFile) -> None:
        self._data = data
        self._text = text
        self._lines: list[bytes] = []

    def __call__(self, index: int) -> bytes:
        """Return a line as it stands in the file."""
        if not self._lines:
            self._lines = lines_of(self._data)
        return self._text.original(self._lines[index])


def _cut_off(part: LineBlock, skip: int) -> Lines:
    count = skip - part.first_line + 1
    data = b"".join(lines_of(part.data)[count:])
    return Lines(data, part.first_line + count, part.lines - count)
