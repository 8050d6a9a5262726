"""The suite through its own script: measured, kept, compared, and able to fail."""

import subprocess
from pathlib import Path

import msgspec
import pytest
from loadtest.bench.__main__ import main
from loadtest.bench.baseline import Baseline, load_baseline
from loadtest.bench.catalogue import BENCHES, Bench, Effort
from loadtest.bench.results import Result
from loadtest.bench.suite import NotMeasured, Suite

RUN = Path(__file__).parents[4] / "loadtest" / "bench" / "run"


def run(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [RUN, "--quick", "--only", "event_id", "--out", tmp_path / "results", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def with_ratio(baseline: Baseline, factor: float) -> Baseline:
    entries = {
        key: msgspec.structs.replace(entry, ratio=entry.ratio * factor)
        for key, entry in baseline.entries.items()
    }
    return msgspec.structs.replace(baseline, entries=entries)


@pytest.mark.process
def test_run_is_kept_and_only_one_that_is_much_slower_than_it_fails(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    saved = run(tmp_path, "--save-baseline", str(path))
    assert saved.returncode == 0, saved.stderr
    assert "| event_id |" in saved.stdout
    [kept] = (tmp_path / "results").iterdir()
    result = msgspec.json.decode(kept.read_bytes(), type=Result)
    [figures] = result.figures
    effort = BENCHES["event_id"].quick
    assert (figures.rows, len(figures.rounds)) == (effort.rows, effort.rounds)
    assert figures.ratio > 0
    assert figures.cpu_us_per_row > 0
    assert 20 < figures.rss_peak_mib < 500

    baseline = load_baseline(path)
    path.write_bytes(msgspec.json.encode(with_ratio(baseline, 0.1)))
    faster = run(tmp_path, "--baseline", str(path))
    assert (faster.returncode, "WORSE" in faster.stdout) == (0, False)

    # A baseline ten times as fast: no noise comes near that.
    path.write_bytes(msgspec.json.encode(with_ratio(baseline, 10.0)))
    slower = run(tmp_path, "--baseline", str(path))
    assert slower.returncode == 1
    assert "measuring it again" in slower.stdout
    assert "WORSE: event_id: ratio" in slower.stdout


def test_case_that_fails_is_told_and_is_no_figure(capfd: pytest.CaptureFixture[str]) -> None:
    nothing = Bench("event_id", "process", 0.1, quick=Effort(rows=0, rounds=1))
    with Suite(quick=True) as suite:
        assert list(suite.run([nothing])) == [NotMeasured("event_id", "")]
    assert "Error" in capfd.readouterr().err


def test_list_has_every_question(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(BENCHES)
    assert all(line.endswith("?") for line in lines)
    assert main(["--list", "--no-database"]) == 0
    assert "end_to_end" not in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--only", "no-such-bench"], ["x"]])
def test_what_cannot_be_measured_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as error:
        main(arguments)
    assert error.value.code == 2
