"""The report is one file that needs nothing else, and says what failed."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import msgspec
from loadtest.processes import Track
from loadtest.profiles.catalogue import PROFILES
from loadtest.profiles.figures import figures_of
from loadtest.profiles.report import Run, report_html, summary_text
from loadtest.profiles.verdict import equal
from tests.unit.loadtest.profiles.test_figures import RIGHT


def track(name: str) -> Track:
    made = Track(name, 7)
    for at in range(5):
        made.add(100.0 + at, rss_bytes=(60 + at) * 1_000_000, cpu_s=at / 2, peak_bytes=70_000_000)
    return made


RUN = Run(
    profile=PROFILES["steady"],
    seconds=5,
    figures=figures_of(msgspec.structs.replace(RIGHT, ended_s=101.0 + at) for at in range(4)),
    checks=[equal("rows", 40, 40)],
    tracks=[track("worker 1"), track("QuestDB")],
    facts={"commit": "abc"},
)
FAILED = replace(RUN, checks=[*RUN.checks, equal("rows <in> the table", 40, 39)])


class Parsed(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]


def test_report_needs_nothing_from_outside() -> None:
    text = report_html(RUN)
    parsed = Parsed(text)
    assert not {"src", "href", "srcset"} & set(parsed.attributes)
    assert not {"script", "link", "img", "iframe"} & set(parsed.tags)
    assert not re.search(r"https?:|url\(|@import", text)


def test_report_has_pictures_of_rates_times_memory_and_cpu() -> None:
    text = report_html(RUN)
    assert Parsed(text).tags.count("svg") == 7
    assert "nothing was measured" not in text
    for words in ("Rows accepted", "Time from when a post was due", "Memory of the workers, MB"):
        assert words in text
    assert "worker 1, peak 70 MB" in text
    assert "QuestDB, peak 70 MB" in text


def test_report_says_passed_or_which_check_failed() -> None:
    assert "<h1>steady: <span class=ok>passed" in report_html(RUN)
    text = report_html(FAILED)
    assert "<h1>steady: <span class=no>FAILED" in text
    assert "<td class=no>FAIL<td>rows &lt;in&gt; the table<td>40<td>39" in text


def test_report_of_a_run_without_answers_or_processes_is_still_one() -> None:
    text = report_html(replace(RUN, figures=figures_of([]), tracks=[]))
    assert text.endswith("</html>\n")
    assert "nothing was measured" in text


def test_summary_has_every_check_with_expected_and_seen() -> None:
    lines = summary_text(FAILED).splitlines()
    assert lines[-2:] == [
        "ok   rows: expected 40, seen 40",
        "FAIL rows <in> the table: expected 40, seen 39",
    ]
    assert "steady: 40 rows accepted in 4.0 s, 10 rows/s" in lines[0]
    assert "worker 1: peak 70.0 MB, 0.50 cores" in lines
