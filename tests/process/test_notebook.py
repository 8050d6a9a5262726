"""The notebook and its script, run as people run them, with figures that are those of the files."""

import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from tests.process.running_service import PROJECT, command_environment
from tests.unit.analysis.report.sample_oracle import SAMPLES, SampleOracle

pytestmark = [pytest.mark.process, pytest.mark.questdb]

NOTEBOOK = PROJECT / "notebooks" / "first_analyses.ipynb"
TIMEOUT_S = 120
CHARTS = 5


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    """The environment of somebody with nothing but a checkout; its temporary folders are ours."""
    settings = command_environment({"TMPDIR": str(tmp_path)})
    monkeypatch.delenv("QUESTDB_URI", raising=False)
    settings.pop("QUESTDB_URI", None)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return settings


def test_script_answers_with_the_figures_of_the_files(
    environ: dict[str, str], tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, str(NOTEBOOK.with_suffix(".py"))],
        cwd=PROJECT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    _check_figures(done.stdout)
    assert len(list(tmp_path.glob("first_analyses_*/*.svg"))) == CHARTS


def test_notebook_answers_with_the_figures_of_the_files(environ: dict[str, str]) -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(
        notebook,
        timeout=TIMEOUT_S,
        kernel_name="python3",
        resources={"metadata": {"path": str(NOTEBOOK.parent)}},
    ).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    _check_figures("".join(o["text"] for o in outputs if o.output_type == "stream"))
    pictures = [o["data"]["image/svg+xml"] for o in outputs if o.output_type == "display_data"]
    assert len(pictures) == CHARTS
    assert all("<title" in picture for picture in pictures)


def _check_figures(text: str) -> None:
    oracle = SampleOracle()
    loads = oracle.hourly_kw()
    assert _figure(text, r"energy of all meters: ([\d.]+) kWh") == pytest.approx(
        sum(loads.values()), abs=0.001
    )
    top_ts, top_kw = max(loads.items(), key=lambda entry: entry[1])
    assert f"highest hour: {top_kw:.3f} kW at {top_ts:%Y-%m-%d %H:%M} UTC" in text
    peak_ts, peak_kw = oracle.system_peak()
    assert f"common peak: {peak_kw:.3f} kW at {peak_ts:%Y-%m-%d %H:%M} UTC" in text
    assert _figure(text, r"own peaks: ([\d.]+) kW") == pytest.approx(
        sum(oracle.feeder_peaks().values()), abs=0.002
    )
    built_in = json.loads((SAMPLES / "expected.json").read_text())["feeders"]
    for feeder, (_head, _plants, _meters, lost) in oracle.losses().items():
        assert _figure(text, rf"losses of {feeder}: ([\d.]+) kWh") == pytest.approx(lost, abs=0.001)
        share = built_in[feeder]["loss_share"]
        assert _figure(text, rf"losses of {feeder}: .* ([\d.]+) % without gaps") == pytest.approx(
            100 * share / (1 + share), abs=0.01
        )
    assert "missing: 12 of 134400 readings" in text
    for (meter, day), count in oracle.missing().items():
        assert f"{meter} lacks {count} on {day}" in text
    summer_peak = "dayofweek(local) BETWEEN 1 AND 5 AND hour(local) BETWEEN 17 AND 19"
    for segment, kwh in oracle.segment_kwh(summer_peak).items():
        assert _figure(text, rf"{segment} in peak time: ([\d.]+) kWh") == pytest.approx(
            kwh, abs=0.001
        )


def _figure(text: str, pattern: str) -> float:
    match = re.search(pattern, text)
    assert match, (pattern, text)
    return float(match[1])
