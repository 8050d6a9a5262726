"""Rows of a load, and what an exact comparison of all of them finds."""

import struct
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from utility_ts_analytics.files.replaced.replacements import (
    FileReplacements,
    Replacement,
    VersionPlace,
)


class Row(NamedTuple):
    file_number: int
    position: int
    key: int
    content: int

    @property
    def version(self) -> bytes:
        return struct.pack("=2Q", self.key, self.content)

    @property
    def place(self) -> VersionPlace:
        return VersionPlace(self.file_number, self.position, self.version)


def replaced_pairs(rows: Sequence[Row]) -> dict[int, list[tuple[Row, Row]]]:
    """Every row that replaces another, with that other, by the number of its file."""
    last: dict[int, Row] = {}
    found: dict[int, list[tuple[Row, Row]]] = {}
    for row in rows:
        before = last.get(row.key)
        if before is not None and before.content != row.content:
            found.setdefault(row.file_number, []).append((before, row))
        last[row.key] = row
    return found


def oracle(rows: Sequence[Row]) -> dict[int, FileReplacements]:
    """What an exact comparison in unbounded memory finds."""
    counted = {}
    for number, pairs in replaced_pairs(rows).items():
        before, row = min(pairs, key=lambda pair: (pair[1].position, pair[0][:3]))
        counted[number] = FileReplacements(len(pairs), Replacement(before.place, row.place))
    return counted


def told(found: Mapping[int, FileReplacements]) -> dict[int, tuple[object, ...]]:
    """What does not depend on which of several equal pairs of one record is named."""
    return {
        number: (
            one.count,
            (one.first.earlier.file_number, one.first.earlier.position),
            (one.first.later.file_number, one.first.later.position),
            one.first.later.version[:8],
        )
        for number, one in found.items()
    }
