"""The report is one file that needs nothing else, and says what failed."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from loadtest.processes import Track
from loadtest.profiles.catalogue import PROFILES
from loadtest.profiles.figures import figures_of
from loadtest.profiles.report import Run, report_html, summary_lines
from loadtest.profiles.verdict import equal
from tests.unit.loadtest.profiles.test_figures import RIGHT, changed, journal


def track(name: str) -> Track:
    made = Track(name, 7)
    for at in range(5):
        made.add(100.0 + at, rss_bytes=(60 + at) * 1_000_000, cpu_s=at / 2, peak_bytes=70_000_000)
    return made


@pytest.fixture
def run(tmp_path: Path) -> Run:
    entries = (changed(RIGHT, ended_s=101.0 + at) for at in range(4))
    return Run(
        profile=PROFILES["steady"],
        seconds=5,
        figures=figures_of(journal(tmp_path, *entries)),
        checks=[equal("rows", 40, 40)],
        tracks=[track("worker 1"), track("QuestDB")],
        facts={"commit": "abc"},
    )


def test_report_needs_nothing_from_outside_and_has_its_picture(run: Run) -> None:
    text = report_html(run)
    assert not re.search(r"<(?:script|link|img|iframe)|(?:src|srcset)=|url\((?!#)|@import", text)
    assert not re.search(r"https?://(?!www\.w3\.org/)", text)
    assert text.count("<svg") == 1
    assert "<h1>steady: <span class=ok>passed" in text


def test_report_and_summary_say_which_check_failed(run: Run) -> None:
    broken = replace(run, checks=[*run.checks, equal("rows <in> the table", 40, 39)])
    text = report_html(broken)
    assert "<h1>steady: <span class=no>FAILED" in text
    assert "<td class=no>FAIL<td>rows &lt;in&gt; the table<td>40<td>39" in text
    lines = summary_lines(broken)
    assert lines[-2:] == [
        "ok   rows: expected 40, seen 40",
        "FAIL rows <in> the table: expected 40, seen 39",
    ]
    assert "steady: 40 rows accepted in 4.0 s" in lines[0]
    assert "worker 1: peak 70.0 MB, 0.50 cores" in lines


def test_report_of_a_run_without_answers_or_processes_is_still_one(
    run: Run, tmp_path: Path
) -> None:
    empty = replace(run, figures=figures_of(journal(tmp_path)), tracks=[])
    assert report_html(empty).endswith("</html>\n")
