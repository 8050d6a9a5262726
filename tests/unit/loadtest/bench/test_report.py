"""The table of a run."""

from loadtest.bench.baseline import Change
from loadtest.bench.report import heading, notes, table
from tests.unit.loadtest.bench.bench_rig import figures, result


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_every_case_has_a_line_with_a_cell_for_each_column() -> None:
    measured = [figures(), figures("validation", "each row", before_mib=None, ratio=0.5)]
    changes = {"event_id": Change(-0.3, ("ratio",)), "validation/each row": Change(0.04, ())}
    names, rules, *lines = table(measured, changes).splitlines()
    assert cells(lines[0]) == [
        "event_id", "100,000", "100%", "17", "10.000", "100", "40", "2.000", "1.800..2.200",
        "calibration", "-30% WORSE",
    ]  # fmt: skip
    assert cells(lines[1])[:1] + cells(lines[1])[6:8] == ["validation/each row", "-", "0.500"]
    assert cells(lines[1])[-1] == "+4%"
    assert len({len(line) for line in (names, rules, *lines)}) == 1
    assert len(cells(names)) == len(cells(rules)) == len(cells(lines[0]))


def test_case_without_a_baseline_has_a_dash() -> None:
    assert cells(table([figures()], {}).splitlines()[2])[-1] == "-"


def test_notes_name_what_the_table_has_no_column_for() -> None:
    told = notes([figures(), figures("small_requests", extra={"p99_ms": 12.345, "peak": 1e6})])
    assert told == "small_requests: p99_ms 12.35, peak 1,000,000"


def test_heading_says_what_was_measured_and_where() -> None:
    assert heading(result()) == "commit 0123456789abcdef; cpu a cpu, cores 2; msgspec 0.22.0"
