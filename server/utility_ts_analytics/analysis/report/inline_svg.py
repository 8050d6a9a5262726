"""A figure as SVG inside a page: small, reproducible, and described in words.

Matplotlib's file is taken apart once: style attributes, which a strict policy forbids, become
presentation attributes (`report.css` changes their colours in dark mode); ids without a reference
are removed, the others get the chart's key as a prefix, so that many charts can share a page.
"""

import io
import re
import warnings
from xml.etree import ElementTree as ET

from matplotlib.figure import Figure

from utility_ts_analytics.analysis.report.theme import WIDE, look_of
from utility_ts_analytics.analysis.report.wording import markup_safe

_SVG = "http://www.w3.org/2000/svg"
_HREF = "{http://www.w3.org/1999/xlink}href"
_NO_METADATA = {"Creator": None, "Date": None, "Format": None, "Type": None}
_NUMBER = re.compile(r"-?\d+\.\d+")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_DROPPED = {"font-family", "font-style"}
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif"


def svg_text(figure: Figure, *, key: str, title: str, description: str) -> str:
    """Return the figure as one `<svg>` element.

    Args:
        figure: Made by a chart function of this package.
        key: Begins every id in it; letters, digits and `-`, unique in the page.
        title: The chart's name, for screen readers and as a tool tip; any text.
        description: Its content in a sentence or two.
    """
    root = _drawn(figure)
    used = _references(root)
    _simplify(root, used, key)
    width, height = root.attrib["viewBox"].split()[2:]
    root.attrib = {
        "xmlns": _SVG,
        "viewBox": f"0 0 {_rounded(width)} {_rounded(height)}",
        "role": "img",
        "aria-labelledby": f"{key}-title {key}-desc",
        "font-family": FONT,
        "stroke-linejoin": "round",
        "stroke-linecap": "butt",
    }
    for place, (tag, text) in enumerate((("title", title), ("desc", description))):
        element = ET.Element(tag, id=f"{key}-{tag}")
        element.text = markup_safe(text)
        root.insert(place, element)
    return ET.tostring(root, encoding="unicode")


def svg_file(figure: Figure, *, key: str, title: str, description: str) -> str:
    """Return the same element as the text of an SVG file, on white."""
    text = svg_text(figure, key=key, title=title, description=description)
    return text.replace(">", '><rect width="100%" height="100%" fill="#ffffff"/>', 1) + "\n"


def _drawn(figure: Figure) -> ET.Element:
    out = io.StringIO()
    with look_of(WIDE), warnings.catch_warnings():
        # Only widths are guessed then: the browser draws the text.
        warnings.filterwarnings("ignore", r"Glyph .* missing from font", UserWarning)
        figure.savefig(out, format="svg", metadata=_NO_METADATA)
    return ET.fromstring(out.getvalue())  # noqa: S314 - matplotlib wrote it a moment ago


def _references(root: ET.Element) -> set[str]:
    found = {element.get(_HREF, "").removeprefix("#") for element in root.iter()}
    for element in root.iter():
        found.update(_REFERENCE.findall(element.get("clip-path", "")))
    return found


def _simplify(element: ET.Element, used: set[str], key: str) -> None:
    element.tag = element.tag.rpartition("}")[2]  # all are SVG's: the root has the namespace
    _rename(element, used, key)
    for rule in filter(None, element.attrib.pop("style", "").split(";")):
        prop, _, value = rule.partition(":")
        if prop.strip() not in _DROPPED:
            element.set(prop.strip(), value.strip().removesuffix("px"))
    for attribute in ("d", "transform", "x", "y", "width", "height"):
        if attribute in element.attrib:
            element.set(attribute, _rounded(" ".join(element.attrib[attribute].split())))
    if element.get("transform", "").startswith("rotate(-0 "):
        del element.attrib["transform"]
    for child in list(element):
        _simplify(child, used, key)
        if child.tag in {"style", "metadata"} or (child.tag in {"g", "defs"} and not len(child)):
            element.remove(child)
    _drop_blanks(element)


def _rename(element: ET.Element, used: set[str], key: str) -> None:
    """Prefix the ids that are used with the chart's key; drop the others."""
    name = element.attrib.pop("id", None)
    if name in used:
        element.set("id", f"{key}-{name}")
    if href := element.attrib.pop(_HREF, None):
        element.set("href", f"#{key}-{href.removeprefix('#')}")
    if clip := element.get("clip-path"):
        element.set("clip-path", _REFERENCE.sub(rf"url(#{key}-\1)", clip))


def _drop_blanks(element: ET.Element) -> None:
    if element.text and not element.text.strip() and len(element):
        element.text = None
    for child in element:
        child.tail = None


def _rounded(text: str) -> str:
    """Return the text with its numbers rounded to a hundredth of a point."""
    return _NUMBER.sub(lambda match: f"{float(match[0]):.2f}".rstrip("0").rstrip("."), text)
