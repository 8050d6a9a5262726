"""Refused NEM12 days keep both channels that make their rows, until they are corrected."""

from pathlib import Path

import pytest
from tests.unit.files.format_rig import (
    cells,
)
from tests.unit.files.formats.nem12_rig import (
    HEADER,
    channel,
    day,
    read,
    refused_text,
    rows_of,
    table_of,
)

E1_DAY, Q1_DAY = day(1), day(0.5)
E1_TWO, Q1_TWO = day(2, date="20240408"), day(0.25, date="20240408")
PAIR = [channel("E1"), E1_DAY, E1_TWO, channel("Q1", "kvarh"), Q1_DAY, Q1_TWO]
OTHERS = [channel("E1", nmi="NMI0000002"), day(7)]


@pytest.mark.parametrize(
    ("changes", "line", "field", "stored"),
    [
        ({E1_DAY: day(["x", *[1] * 47])}, 3, "kwh", 47 + 48),
        ({E1_DAY: day([1] * 47)}, 3, None, 48),
        ({E1_DAY: day(1, date="20240431")}, 3, "ts", 48),
        ({E1_DAY: day(1) + "\r\n400,1,49,A,,"}, 3, None, 48),
        ({Q1_DAY: day(["x", *[0.5] * 47])}, 6, "kvarh", 47 + 48),
        ({Q1_DAY: day([0.5] * 47) + "\r\n400,1,48,E52,,"}, 6, None, 48),
        ({Q1_DAY: day(0.5, date="2024-04-07")}, 6, "ts", 48),
        ({Q1_TWO: Q1_TWO + "\r\n400,1,48,,,"}, 7, None, 48),
        ({E1_DAY: day([1] * 47), Q1_DAY: day([0.5] * 47)}, 3, None, 48),
        ({E1_DAY: day([1] * 47), E1_TWO: day([2] * 47, date="20240408")}, 3, None, 0),
        ({E1_DAY: day(["x", *[1] * 47]), Q1_DAY: day(["y", *[0.5] * 47])}, 3, "kwh", 47 + 48),
    ],
)
def test_refused_days_keep_their_reactive_values_when_they_are_corrected(
    tmp_path: Path, changes: dict[str, str], line: int, field: str | None, stored: int
) -> None:
    """The active record has its reactive one beside it, and the other way round, each once."""
    right = read(tmp_path, *PAIR, *OTHERS)
    found = read(tmp_path, *(changes.get(record, record) for record in PAIR), *OTHERS)
    assert (found.refused[0].line, found.refused[0].field) == (line, field)
    assert len(found.rows) == stored + 48
    assert [row for row in rows_of(found) if row["kvarh"] is None] == rows_of(found)[stored:]
    refused = refused_text(found)
    lines = [one for one in refused.split("\r\n") if one.startswith("300")]
    assert len(lines) == len(set(lines))
    for record, bad in changes.items():
        refused = refused.replace(bad, record)
    again = table_of(tmp_path, "again.csv", f"{HEADER}\r\n{refused}900\r\n")
    assert again.refused == []
    both = {(row["meter_id"], row["ts"]): row for row in (*rows_of(found), *rows_of(again))}
    names = ("meter_id", "ts", "kwh", "kvarh")
    assert sorted(cells(list(both.values()), *names)) == sorted(cells(rows_of(right), *names))


def test_values_that_are_no_numbers_are_quoted_with_their_own_line(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        *(channel("E1"), day(["a", *[1] * 47])),
        *(channel("Q1", "kvarh"), day(["b", "c", *[1] * 46])),
    )
    told = [(one.rec, one.line, one.field, one.cell) for one in found.refused]
    assert told == [(3, 3, "kwh", "a"), (3, 5, "kvarh", "c")]


def test_reactive_record_without_an_active_one_is_refused_alone(tmp_path: Path) -> None:
    bad = day([1] * 47)
    found = read(tmp_path, channel("E1"), E1_TWO, channel("Q1", "kvarh"), bad)
    assert len(found.rows) == 48
    assert refused_text(found) == f"{channel('Q1', 'kvarh')}\r\n{bad}\r\n"
