import base64
import hashlib
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

from tests.unit.analysis.report import report_frames
from tests.unit.analysis.report.report_frames import HOSTILE

from utility_ts_analytics.analysis.report.content import KeyFigure, Report, Section, Table
from utility_ts_analytics.analysis.report.load import load_section
from utility_ts_analytics.analysis.report.page import TABLE_ROWS_MAX, page_of

_VOID = {"meta", "link", "br"}
_LOADING = {"src", "srcset", "action", "formaction", "data", "poster", "background", "ping"}


@dataclass
class Seen(HTMLParser):
    """A document taken apart; fails where tags do not close as they were opened."""

    tags: list[str] = field(default_factory=list)
    attributes: list[tuple[str, str, str]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def seen(page: str) -> Seen:
    parsed = Seen()
    parsed.feed(page)
    parsed.close()
    assert parsed.open == []
    return parsed


def _report(name: str = "residential") -> Report:
    curves = report_frames.load_curves(segment=name)
    return Report(
        f"Readings of {name}",
        [("Period", name)],
        [
            load_section(curves, bucket=name, zone="UTC", notes=[name]),
            Section("empty", name, f"Nothing: {name}", figure=KeyFigure(name, f"12 {name}", name)),
            Section("more", "More?", name, tables=[Table(name, [name, "kWh"], [[name, name]])]),
        ],
    )


def test_page_is_well_formed_and_the_same_each_time() -> None:
    page = page_of(_report())
    assert page == page_of(_report())
    found = seen(page)
    ids = [value for _, name, value in found.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    links = {value for _, name, value in found.attributes if name == "href"} - {"data:,"}
    assert all(link.removeprefix("#") in ids for link in links)
    labels = [
        v for _, n, value in found.attributes if n == "aria-labelledby" for v in value.split()
    ]
    assert set(labels) <= set(ids)


def test_page_needs_nothing_from_anywhere() -> None:
    page = page_of(_report())
    found = seen(page)
    assert not {"script", "iframe", "object", "embed", "img", "image", "base"} & set(found.tags)
    assert not [name for _, name, _ in found.attributes if name in _LOADING or name == "style"]
    assert not [name for _, name, _ in found.attributes if name.startswith("on")]
    rest = page.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"https?:|//[a-z]|@import|url\((?!#)", rest)


def test_policy_allows_the_pages_own_style_and_nothing_else() -> None:
    page = page_of(_report())
    style = page.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    [policy] = [v for tag, name, v in seen(page).attributes if (tag, name) == ("meta", "content")][
        :1
    ]
    assert "default-src 'none'" in policy
    assert f"style-src 'sha256-{digest}';" in policy
    assert "unsafe" not in policy
    assert page.index("Content-Security-Policy") < page.index("<style>")


def test_names_from_the_database_are_text_wherever_they_stand() -> None:
    ordinary, hostile = seen(page_of(_report())), seen(page_of(_report(HOSTILE)))
    assert hostile.tags == ordinary.tags
    assert [entry[:2] for entry in hostile.attributes] == [e[:2] for e in ordinary.attributes]
    shown = HOSTILE.replace("\x01", "\N{REPLACEMENT CHARACTER}")
    # Title, heading, fact, key figure (3), question and link, findings, notes, tables, charts.
    assert sum(shown in text for text in hostile.texts) >= 15
    assert "\x01" not in page_of(_report(HOSTILE))


def test_section_without_charts_says_why_and_looks_so() -> None:
    page = page_of(_report())
    assert 'aria-labelledby="empty-question" class="empty"' in page
    assert "Nothing: residential" in page


def test_tables_have_heads_for_screen_readers() -> None:
    page = page_of(_report())
    assert '<th scope="col">residential</th><th scope="col" class="number">kWh</th>' in page
    assert '<th scope="row">residential</th><td class="number">residential</td>' in page
    assert "<small>(48 rows)</small>" in page
    assert "<small>(1 row)</small>" in page


def test_long_table_is_cut_and_says_so() -> None:
    rows = [[f"row {number}", "1"] for number in range(TABLE_ROWS_MAX + 5)]
    table = Table("All", ["Row", "kWh"], rows)
    page = page_of(Report("Readings", [], [Section("long", "Long?", "Yes", tables=[table])]))
    assert "the first 1,000 of 1,005 rows" in page
    assert "row 999<" in page
    assert "row 1000<" not in page


def test_unit_stays_on_the_line_of_its_number() -> None:
    section = Section("s", "How much?", "It was 41.8 kW on average, 99.5 % of 3 kWh.")
    page = page_of(Report("Readings", [], [section]))
    assert "It was 41.8\N{NO-BREAK SPACE}kW on average, 99.5\N{NO-BREAK SPACE}% of 3" in page
