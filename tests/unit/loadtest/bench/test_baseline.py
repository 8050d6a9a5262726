"""What is kept of a run, and what counts as worse than it."""

from pathlib import Path

import msgspec
import pytest
from loadtest.bench.baseline import (
    COMMON,
    FOREIGN_TOLERANCE,
    Baseline,
    compare,
    load_baseline,
    regressed,
    save_baseline,
)
from loadtest.bench.figures import Figures
from loadtest.bench.suite import BENCHES
from tests.unit.loadtest.bench.test_figures import figures, result

TOLERANCE = BENCHES["event_id"].tolerance
ELSEWHERE: dict[str, str | int] = {"cpu": "another", "cores": 64}


def baseline(path: Path, *measured: Figures, quick: bool = False) -> Baseline:
    save_baseline(result(*measured, quick=quick), path)
    return load_baseline(path)


def worse(now: Figures, old: Baseline, **changed: object) -> list[str]:
    return list(regressed(compare(result(now, **changed), old)))


@pytest.mark.parametrize(
    ("share", "found"), [(1 - TOLERANCE + 0.01, []), (1 - TOLERANCE - 0.01, ["event_id"]), (2, [])]
)
def test_lower_ratio_is_a_regression_from_the_tolerance_on(
    tmp_path: Path, share: float, found: list[str]
) -> None:
    old = baseline(tmp_path / "b", figures(ratio=2.0))
    assert worse(figures(ratio=2.0 * share), old) == found


def test_change_is_told_with_both_values_and_the_limit(tmp_path: Path) -> None:
    old = baseline(tmp_path / "b", figures(ratio=2.0))
    change = compare(result(figures(ratio=1.0)), old)["event_id"]
    assert change.ratio_change == pytest.approx(-0.5)
    assert change.regressions == (f"ratio 1.000, was 2.000: -50% (limit {-TOLERANCE:.0%})",)


@pytest.mark.parametrize(("peak_mib", "found"), [(119.0, []), (121.0, ["event_id"])])
def test_higher_peak_of_memory_is_a_regression(
    tmp_path: Path, peak_mib: float, found: list[str]
) -> None:
    old = baseline(tmp_path / "b", figures(peak_mib=100.0))
    assert worse(figures(peak_mib=peak_mib), old) == found


def test_few_mebibytes_more_are_none(tmp_path: Path) -> None:
    old = baseline(tmp_path / "b", figures(peak_mib=20.0, before_mib=1.0))
    assert worse(figures(peak_mib=35.0), old) == []


@pytest.mark.parametrize(("p99_ms", "found"), [(29.0, []), (31.0, ["small_requests/x"])])
def test_later_answer_is_a_regression(tmp_path: Path, p99_ms: float, found: list[str]) -> None:
    old = baseline(tmp_path / "b", figures("small_requests", "x", extra={"p99_ms_lowest": 20.0}))
    now = figures("small_requests", "x", extra={"p99_ms_lowest": p99_ms})
    assert worse(now, old) == found


def test_another_machine_compares_only_ratios_of_cpu_and_less_closely(tmp_path: Path) -> None:
    old = baseline(tmp_path / "b", figures(ratio=2.0), figures("end_to_end", ratio=2.0))
    stored = figures("end_to_end", ratio=0.1)
    assert compare(result(stored, machine=ELSEWHERE), old) == {}
    near, far = 2.0 * (1.01 - FOREIGN_TOLERANCE), 2.0 * (0.99 - FOREIGN_TOLERANCE)
    assert worse(figures(ratio=near, peak_mib=900.0), old, machine=ELSEWHERE) == []
    assert worse(figures(ratio=far), old, machine=ELSEWHERE) == ["event_id"]


def test_case_without_a_baseline_is_not_compared(tmp_path: Path) -> None:
    old = baseline(tmp_path / "b", figures())
    assert compare(result(figures("decode_clean")), old) == {}


def test_quick_run_and_whole_run_are_not_compared(tmp_path: Path) -> None:
    old = baseline(tmp_path / "b", figures(ratio=2.0), quick=True)
    assert compare(result(figures(ratio=0.1)), old) == {}


def test_saving_some_cases_keeps_the_others(tmp_path: Path) -> None:
    baseline(tmp_path / "b", figures(ratio=2.0), figures("decode_clean", ratio=3.0))
    kept = baseline(tmp_path / "b", figures(ratio=4.0)).entries
    assert {key: entry.ratio for key, entry in kept.items()} == {
        "decode_clean": 3.0,
        "event_id": 4.0,
    }


def test_runs_of_different_machines_do_not_mix(tmp_path: Path) -> None:
    baseline(tmp_path / "b", figures())
    with pytest.raises(ValueError, match="another machine"):
        save_baseline(result(figures(), machine=ELSEWHERE), tmp_path / "b")


def test_common_baseline_has_every_case_that_holds_elsewhere() -> None:
    common = msgspec.json.decode(COMMON.read_bytes(), type=Baseline)
    held = {
        f"{bench.name}/{case}" if case else bench.name
        for bench in BENCHES.values()
        if bench.place == "process"
        for case in bench.cases
    }
    assert set(common.entries) == held
    assert not common.quick
