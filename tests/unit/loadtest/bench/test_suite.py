"""The suite through its command: measured, kept, compared, able to fail; nothing left running."""

import importlib
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from loadtest.bench.baseline import Baseline, load_baseline
from loadtest.bench.command import main
from loadtest.bench.figures import Request, Result
from loadtest.bench.suite import BENCHES, Bench, Effort, Suite
from loadtest.processes import wait_until

ROOT = Path(__file__).parents[4]


def run(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, "-m", "loadtest", "bench", "--quick", "--only", "event_id"),
            *("--out", str(tmp_path / "results"), *arguments),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
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
    assert "| event_id " in saved.stdout
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
    nothing = Bench("event_id", "cpu", "process", 0.1, quick=Effort(rows=0, rounds=1))
    with Suite(quick=True) as suite:
        assert suite.run_case(nothing, "") is None
    assert "Error" in capfd.readouterr().err


def test_every_question_is_in_the_catalogue_and_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(BENCHES)
    assert all(line.endswith("?") for line in lines)
    assert main(["--list", "--no-database"]) == 0
    assert "end_to_end" not in capsys.readouterr().out
    modules = {bench.module for bench in BENCHES.values()}
    found = {
        name
        for module in modules
        for name, member in vars(importlib.import_module(f"loadtest.bench.{module}")).items()
        if callable(member) and (member.__doc__ or "").partition("\n")[0].endswith("?")
    }
    assert found == set(BENCHES)


def stuck(request: Request) -> None:
    command = [sys.executable, "-c", "input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as below:
        (request.directory / "begun").write_text(str(below.pid))
        below.wait()


MEASURES = """
import sys
from pathlib import Path
from loadtest.bench.figures import Request
from loadtest.bench.suite import in_process
from loadtest.command_line import exit_on_sigterm
from tests.unit.loadtest.bench.test_suite import stuck
exit_on_sigterm()
request = Request("", "", 1, 1, 1, Path(sys.argv[1]))
in_process(stuck, request, timeout_s=300)
"""


@pytest.mark.process
def test_run_that_is_told_to_stop_ends_its_case_and_what_that_began(
    wait_gone: Callable[[int], None], tmp_path: Path
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", MEASURES, tmp_path], env={"PYTHONPATH": ":".join(sys.path)}
    ) as process:
        begun = tmp_path / "begun"
        wait_until(lambda: begun.exists() and bool(begun.read_text()), "it began", timeout_s=60)
        process.terminate()
        assert process.wait(90) == 128 + signal.SIGTERM
    wait_gone(int(begun.read_text()))
