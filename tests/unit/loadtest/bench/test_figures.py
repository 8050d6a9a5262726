"""The statistics over the rounds of a case; what a run leaves behind, and its table."""

from dataclasses import dataclass
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
    Result,
    Round,
    figures_of,
    heading,
    notes,
    percentile,
    result_of,
    save,
    table,
)

ROUNDS = [Round(0.50, 0.30, 0.8), Round(0.25, 0.20, 1.0), Round(0.30, 0.10, 1.1)]


@dataclass
class Percentile:
    values: list[float]
    share: float
    expected: float


def test_figures_are_of_the_best_round_and_the_ratio_of_the_median() -> None:
    told = figures_of(
        ("bench", "case"),
        ROUNDS,
        Memory(120.0, 100.0),
        rows=1000,
        size_bytes=500_000,
        against="something",
    )
    assert told.key == "bench/case"
    assert (told.rows_per_s, told.mb_per_s) == (4000, 2.0)
    assert told.rows_per_s_spread == pytest.approx(1.0)
    assert told.cpu_us_per_row == pytest.approx(100.0)
    assert (told.ratio, told.ratio_low, told.ratio_high) == (1.0, 0.8, 1.1)
    assert (told.rss_peak_mib, told.rss_added_mib) == (120.0, 20.0)
    assert told.rounds == ROUNDS


def test_ratio_of_its_own_replaces_the_median_and_memory_may_be_half_known() -> None:
    told = figures_of(
        ("bench", ""),
        ROUNDS,
        Memory(120.0, None),
        rows=1,
        size_bytes=1,
        ratio=7.0,
        against="something",
        extra={"x_ms": 1.23456},
    )
    assert (told.key, told.ratio, told.rss_added_mib) == ("bench", 7.0, None)
    assert told.extra == {"x_ms": 1.235}


def test_nothing_measured_is_no_figure() -> None:
    with pytest.raises(ValueError, match="without a round"):
        figures_of(("a", ""), [], Memory(1.0, 1.0), rows=1, size_bytes=1, against="x")


@pytest.mark.parametrize(
    "case",
    [
        Percentile([5.0], 0.5, 5.0),
        Percentile([5.0], 1.0, 5.0),
        Percentile([4.0, 1.0, 3.0, 2.0], 0.5, 2.0),
        Percentile([4.0, 1.0, 3.0, 2.0], 0.51, 3.0),
        Percentile([float(n) for n in range(1, 101)], 0.99, 99.0),
        Percentile([float(n) for n in range(1, 101)], 0.001, 1.0),
        Percentile([float(n) for n in range(1, 11)], 0.99, 10.0),
    ],
)
def test_percentile_is_the_smallest_value_that_enough_do_not_exceed(case: Percentile) -> None:
    assert percentile(case.values, case.share) == case.expected


@pytest.mark.parametrize(("values", "share"), [([], 0.5), ([1.0], 0.0), ([1.0], 1.01)])
def test_percentile_of_nothing_or_beyond_all_is_an_error(values: list[float], share: float) -> None:
    with pytest.raises(ValueError, match="cannot tell a percentile"):
        percentile(values, share)


MACHINE: dict[str, str | int] = {"cpu": "a cpu", "cores": 2}


def figures(bench: str = "event_id", case: str = "", **changed: Any) -> Figures:
    ratio = changed.get("ratio", 2.0)
    return figures_of(
        (bench, case),
        [Round(0.02, 0.01, ratio * 0.9), Round(0.01, 0.02, ratio * 1.1)],
        Memory(changed.get("peak_mib", 100.0), changed.get("before_mib", 60.0)),
        rows=1_000,
        size_bytes=170_000,
        ratio=ratio,
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


ROOT = Path(__file__).parents[4]


def test_saved_run_is_read_back_whole(tmp_path: Path) -> None:
    run = result(figures(), figures("validation", "block"))
    path = save(run, tmp_path / "new")
    assert path.name == "2026-01-02T03-04-05-01234567.json"
    assert msgspec.json.decode(path.read_bytes(), type=Result) == run


def test_machine_commit_and_packages_are_recorded() -> None:
    run = result_of([figures()], quick=True)
    assert {"cpu", "cores", "system", "python"} <= set(run.machine)
    assert run.commit
    assert run.packages["msgspec"] != "missing"
    assert "questdb" in run.packages


def test_results_are_left_out_of_git() -> None:
    name = FOLDER.relative_to(ROOT).as_posix()
    assert f"/{name}/" in (ROOT / ".gitignore").read_text().splitlines()


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_every_case_has_a_line_with_a_cell_for_each_column() -> None:
    measured = [figures(), figures("validation", "each row", before_mib=None, ratio=0.5)]
    changes = {
        "event_id": str(Change(-0.3, ("ratio",))),
        "validation/each row": str(Change(0.04, ())),
    }
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
