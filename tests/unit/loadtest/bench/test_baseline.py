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


def ratio(share: float) -> Figures:
    return figures(ratio=2.0 * share)


def peak(mib: float) -> Figures:
    return figures(peak_mib=mib, before_mib=1.0)


def late(p99_ms: float) -> Figures:
    return figures(extra={"p99_ms_lowest": p99_ms})


@pytest.mark.parametrize(
    ("old", "now", "is_worse"),
    [
        (ratio(1), ratio(1.01 - TOLERANCE), False),
        (ratio(1), ratio(0.99 - TOLERANCE), True),
        (ratio(1), ratio(2), False),
        (peak(100), peak(119), False),
        (peak(100), peak(121), True),
        (peak(20), peak(35), False),
        (late(20), late(29), False),
        (late(20), late(31), True),
        (late(1), late(5), False),
        (ratio(1), late(31), False),
        (figures("decode_clean"), ratio(0.1), False),
    ],
)
def test_figure_that_is_worse_than_tolerated_is_a_regression(
    old: Figures, now: Figures, is_worse: bool, tmp_path: Path
) -> None:
    assert worse(now, baseline(tmp_path / "b", old)) == ["event_id"] * is_worse


def test_change_is_told_with_both_values_and_the_limit(tmp_path: Path) -> None:
    change = compare(result(ratio(0.5)), baseline(tmp_path / "b", ratio(1)))["event_id"]
    assert change.ratio_change == pytest.approx(-0.5)
    assert change.regressions == (f"ratio 1.000, was 2.000: -50% (limit {-TOLERANCE:.0%})",)


def test_another_machine_compares_only_ratios_of_cpu_and_less_closely(tmp_path: Path) -> None:
    old = baseline(tmp_path / "b", figures(ratio=2.0), figures("end_to_end", ratio=2.0))
    stored = figures("end_to_end", ratio=0.1)
    assert compare(result(stored, machine=ELSEWHERE), old) == {}
    near = figures(ratio=2.0 * (1.01 - FOREIGN_TOLERANCE), peak_mib=900.0)
    assert worse(near, old, machine=ELSEWHERE) == []
    assert worse(ratio(0.99 - FOREIGN_TOLERANCE), old, machine=ELSEWHERE) == ["event_id"]


def test_quick_run_and_whole_run_are_not_compared(tmp_path: Path) -> None:
    old = baseline(tmp_path / "b", ratio(1), quick=True)
    assert compare(result(ratio(0.1)), old) == {}


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
