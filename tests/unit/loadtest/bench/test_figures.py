"""The statistics over the rounds of a case; what a run leaves behind, and its table."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from loadtest.bench.baseline import Change
from loadtest.bench.figures import (
    FOLDER,
    Figures,
    Memory,
    Request,
    Result,
    Round,
    figures_of,
    heading,
    notes,
    result_of,
    save,
    table,
)

ROOT = Path(__file__).parents[4]
MACHINE: dict[str, str | int] = {"cpu": "a cpu", "cores": 2}


def figures(bench: str = "event_id", case: str = "", **changed: Any) -> Figures:
    ratio = changed.get("ratio", 2.0)
    return figures_of(
        Request(bench, case, 1, 1, 1, Path()),
        [Round(0.02, 0.01, ratio * 0.9), Round(0.01, 0.02, ratio * 1.1)],
        Memory(changed.get("peak_mib", 100.0), changed.get("before_mib", 60.0)),
        rows=1_000,
        size_bytes=170_000,
        ratio=changed.get("given", ratio),
        against="calibration",
        extra=changed.get("extra"),
    )


def result(*measured: Figures, **changed: Any) -> Result:
    return Result(
        at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        commit="0123456789abcdef",
        machine=changed.get("machine", MACHINE),
        packages={"msgspec": "0.22.0"},
        quick=changed.get("quick", False),
        figures=list(measured),
    )


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_figures_are_of_the_best_round_and_the_ratio_of_the_median() -> None:
    told = figures("bench", "case", given=None, extra={"x_ms": 1.23456})
    assert told.key == "bench/case"
    assert (told.rows_per_s, told.mb_per_s, told.rows_per_s_spread) == (100_000, 17.0, 1.0)
    assert told.cpu_us_per_row == pytest.approx(10.0)
    assert (told.ratio, told.ratio_low, told.ratio_high) == (2.0, 1.8, 2.2)
    assert (told.rss_peak_mib, told.rss_added_mib) == (100.0, 40.0)
    assert told.extra == {"x_ms": 1.235}
    assert figures(before_mib=None).rss_added_mib is None


def test_saved_run_is_read_back_whole_and_left_out_of_git(tmp_path: Path) -> None:
    run = result(figures(), figures("validation", "block"))
    path = save(run, tmp_path / "new")
    assert path.name == "2026-01-02T03-04-05-01234567.json"
    assert msgspec.json.decode(path.read_bytes(), type=Result) == run
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert f"/{FOLDER.relative_to(ROOT).as_posix()}/" in ignored


def test_machine_commit_and_packages_are_recorded() -> None:
    run = result_of([figures()], quick=True)
    assert {"cpu", "cores", "system", "python"} <= set(run.machine)
    assert run.commit
    assert {"msgspec", "questdb"} <= set(run.packages)
    assert heading(result()) == "commit 0123456789abcdef; cpu a cpu, cores 2; msgspec 0.22.0"


def test_every_case_has_a_line_with_a_cell_for_each_column() -> None:
    measured = [figures(), figures("validation", "each row", before_mib=None, ratio=0.5)]
    names, rules, *lines = table(measured, {"event_id": str(Change(-0.3, ("x",)))}).splitlines()
    assert cells(lines[0]) == [
        "event_id", "100,000", "100%", "17", "10.000", "100", "40", "2.000", "1.800..2.200",
        "calibration", "-30% WORSE",
    ]  # fmt: skip
    assert cells(lines[1])[:1] + cells(lines[1])[6:8] == ["validation/each row", "-", "0.500"]
    assert cells(lines[1])[-1] == "-"
    assert len({len(line) for line in (names, rules, *lines)}) == 1


def test_notes_name_what_the_table_has_no_column_for() -> None:
    told = notes([figures(), figures("small_requests", extra={"p99_ms": 12.345, "peak": 1e6})])
    assert told == "small_requests: p99_ms 12.35, peak 1,000,000.00"
