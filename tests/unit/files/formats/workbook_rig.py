"""Small workbooks, written part by part: XML in a zip file (ECMA-376)."""

import io
import zipfile
from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
SHEET_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"

DATE, TIME, DURATION = 1, 2, 3
"""Styles of cells."""

Cell = str | float | tuple[str, int] | None
"""Text, a number, or a number as it is written and its style."""


def sheet_xml(rows: Sequence[Sequence[Cell]], first_row: int = 1) -> str:
    lines = []
    for number, row in enumerate(rows, first_row):
        cells = [cell_xml(f"{column(index)}{number}", cell) for index, cell in enumerate(row)]
        lines.append(f'<row r="{number}">{"".join(cells)}</row>')
    return f'<worksheet xmlns="{MAIN}"><sheetData>{"".join(lines)}</sheetData></worksheet>'


def cell_xml(place: str, cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case str():
            return f'<c r="{place}" t="inlineStr"><is><t>{escape(cell)}</t></is></c>'
        case (value, style):
            return f'<c r="{place}" s="{style}"><v>{value}</v></c>'
        case _:
            return f'<c r="{place}"><v>{cell}</v></c>'


def column(index: int) -> str:
    return chr(ord("A") + index)


def workbook(*rows: Sequence[Cell], more: dict[str, str] | None = None) -> bytes:
    """Return a workbook with a sheet of these rows, and others of XML by their names."""
    return workbook_of({"Export": sheet_xml(rows), **(more or {})})


def workbook_of(sheets: dict[str, str]) -> bytes:
    formats = ("yyyy\\-mm\\-dd hh:mm", "hh:mm", "[h]:mm:ss")
    styles = "".join(
        f'<numFmt numFmtId="{164 + index}" formatCode="{text}"/>'
        for index, text in enumerate(formats)
    )
    cells = "".join(f'<xf numFmtId="{number}"/>' for number in (0, 164, 165, 166))
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{TYPES}"><Default Extension="xml"'
        f' ContentType="application/xml"/><Default Extension="rels"'
        f' ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{SHEET_TYPE}.sheet.main+xml"/>'
        "</Types>",
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}"><Relationship Id="rId1"'
        f' Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{MAIN}"><numFmts>{styles}</numFmts>'
        f"<cellXfs>{cells}</cellXfs></styleSheet>",
    }
    links, entries = [], []
    for number, (name, xml) in enumerate(sheets.items(), 1):
        parts[f"xl/worksheets/sheet{number}.xml"] = xml
        links.append(
            f'<Relationship Id="rId{number}" Type="{OFFICE}/worksheet"'
            f' Target="worksheets/sheet{number}.xml"/>'
        )
        entries.append(f'<sheet name={quoteattr(name)} sheetId="{number}" r:id="rId{number}"/>')
    links.append(f'<Relationship Id="rId99" Type="{OFFICE}/styles" Target="styles.xml"/>')
    parts["xl/_rels/workbook.xml.rels"] = (
        f'<Relationships xmlns="{PACKAGE}">{"".join(links)}</Relationships>'
    )
    parts["xl/workbook.xml"] = (
        f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{"".join(entries)}</sheets>'
        "</workbook>"
    )
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, '<?xml version="1.0" encoding="UTF-8"?>' + text)
    return sink.getvalue()
