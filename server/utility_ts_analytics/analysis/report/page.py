"""A report as one self-contained HTML document without scripts.

Its policy allows its own style and nothing else. Every text is escaped here and nowhere else:
names come from the database, where a meter may be called `<script>`.
"""

import base64
import hashlib
import re
from collections.abc import Iterable
from html import escape
from pathlib import Path

from utility_ts_analytics.analysis.report.content import (
    KeyFigure,
    Picture,
    Report,
    Section,
    Table,
)
from utility_ts_analytics.analysis.report.inline_svg import svg_text
from utility_ts_analytics.analysis.report.theme import NARROW, WIDE
from utility_ts_analytics.analysis.report.wording import count, markup_safe

TABLE_ROWS_MAX = 1_000
_UNIT = re.compile(r"(\d) (%|[kMG]?Wh?\b)")
"""A unit stays on the line of its number."""
_STYLE = Path(__file__).with_name("report.css")


def page_of(report: Report) -> str:
    """Return the document; the same report gives the same text."""
    style = _STYLE.read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:;"
        " base-uri 'none'; form-action 'none'"
    )
    facts = "".join(f"<div><dt>{_text(k)}</dt><dd>{_text(v)}</dd></div>" for k, v in report.facts)
    links = "".join(
        f'<li><a href="#{section.key}">{_text(section.question)}</a></li>'
        for section in report.sections
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f'<title>{_text(report.title)}</title>\n<link rel="icon" href="data:,">\n'
        f"<style>{style}</style>\n</head>\n<body>\n"
        f"<header>\n<h1>{_text(report.title)}</h1>\n<dl>{facts}</dl>\n</header>\n<main>\n"
        f"{_key_figures(section.figure for section in report.sections)}"
        f'<nav aria-label="Questions"><ol>{links}</ol></nav>\n'
        f"{''.join(map(_section, report.sections))}"
        "</main>\n</body>\n</html>\n"
    )


def _text(text: str) -> str:
    return escape(_UNIT.sub("\\1\N{NO-BREAK SPACE}\\2", markup_safe(text)))


def _key_figures(figures: Iterable[KeyFigure | None]) -> str:
    items = "".join(
        f'<div><dt>{_text(figure.name)}</dt><dd class="value">{_text(figure.value)}</dd>'
        f"<dd>{_text(figure.detail)}</dd></div>\n"
        for figure in figures
        if figure is not None
    )
    return f'<dl class="key">\n{items}</dl>\n' if items else ""


def _section(section: Section) -> str:
    empty = "" if section.pictures or section.tables else ' class="empty"'
    items = "".join(f"<li>{_text(note)}</li>" for note in section.notes)
    notes = f'<ul class="notes">{items}</ul>\n' if items else ""
    return (
        f'<section id="{section.key}" aria-labelledby="{section.key}-question"{empty}>\n'
        f'<h2 id="{section.key}-question">{_text(section.question)}</h2>\n'
        f'<p class="finding">{_text(section.finding)}</p>\n'
        f"{''.join(map(_picture, section.pictures))}"
        f"{''.join(map(_table, section.tables))}"
        f"{notes}</section>\n"
    )


def _picture(picture: Picture) -> str:
    """Return the chart twice, for desks and for phones; the style shows one of them."""
    drawn = [
        svg_text(
            picture.draw(shape),
            key=f"{picture.key}-{name}",
            title=picture.title,
            description=picture.description,
        )
        for name, shape in (("wide", WIDE), ("narrow", NARROW))
    ]
    return (
        f'<figure><div class="wide">{drawn[0]}</div><div class="narrow">{drawn[1]}</div>'
        f"<figcaption>{_text(picture.title)}</figcaption></figure>\n"
    )


def _table(table: Table) -> str:
    head = "".join(
        f'<th scope="col"{_kind(table, place)}>{_text(name)}</th>'
        for place, name in enumerate(table.columns)
    )
    rows = "".join(f"<tr>{_cells(table, row)}</tr>\n" for row in table.rows[:TABLE_ROWS_MAX])
    number = count(len(table.rows), "row")
    if len(table.rows) > TABLE_ROWS_MAX:
        number = f"the first {TABLE_ROWS_MAX:,} of {number}"
    return (
        f"<details><summary>{_text(table.caption)} <small>({number})</small></summary>\n"
        f'<div class="scroll" tabindex="0" role="region" aria-label="{_text(table.caption)}">'
        f"<table><thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody></table></div></details>\n"
    )


def _cells(table: Table, row: Iterable[str]) -> str:
    return "".join(
        f'<th scope="row">{_text(cell)}</th>'
        if place == 0
        else f"<td{_kind(table, place)}>{_text(cell)}</td>"
        for place, cell in enumerate(row)
    )


def _kind(table: Table, place: int) -> str:
    return "" if place < table.text_columns else ' class="number"'
