from xml.etree import ElementTree as ET

from matplotlib.figure import Figure

from utility_ts_analytics.analysis.report.inline_svg import svg_file, svg_text
from utility_ts_analytics.analysis.report.theme import INK, WIDE, Shape, chart

HOSTILE = "<script>alert(1)</script> & $x^2$ \"'"
SVG = "{http://www.w3.org/2000/svg}"


@chart
def _points(figure: Figure, _shape: Shape, name: str) -> None:
    axes = figure.add_subplot()
    axes.plot([1, 2, 3], [1.0, 4.0, 2.0], color=INK)
    axes.scatter([1, 2], [1, 2])
    axes.set_title(name)


def _svg(name: str = "points", key: str = "a") -> str:
    return svg_text(_points(WIDE, name), key=key, title=name, description=f"About {name}.")


def _parsed(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314 - our own


def test_same_figure_gives_the_same_text() -> None:
    assert _svg() == _svg()


def test_nothing_in_it_is_forbidden_by_a_strict_policy_or_dated() -> None:
    text = _svg()
    for part in ("style=", "<style", "<metadata", "<!DOCTYPE", "xlink", "http://purl", "<image"):
        assert part not in text
    assert text.count("http") == 1  # the name space


def test_it_is_told_in_words() -> None:
    root = _parsed(_svg(HOSTILE))
    title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None
    assert description is not None
    assert (title.text, description.text) == (HOSTILE, f"About {HOSTILE}.")
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"


def test_any_text_comes_out_as_it_is() -> None:
    texts = [text.text for text in _parsed(_svg(HOSTILE)).iter(f"{SVG}text")]
    assert HOSTILE in texts


def test_text_that_no_font_has_is_no_warning() -> None:
    assert "\N{HIRAGANA LETTER KA}\N{ELECTRIC PLUG}" in _svg(
        "\N{HIRAGANA LETTER KA}\N{ELECTRIC PLUG}"
    )


def test_ids_are_the_charts_own_and_every_reference_has_its_target() -> None:
    root = _parsed(_svg(key="chart-1"))
    ids = [element.attrib["id"] for element in root.iter() if "id" in element.attrib]
    assert len(ids) == len(set(ids))
    assert all(name.startswith("chart-1-") for name in ids)
    links = [element.attrib["href"] for element in root.iter() if "href" in element.attrib]
    clips = [e.attrib["clip-path"] for e in root.iter() if "clip-path" in e.attrib]
    assert links
    assert clips
    assert {link.removeprefix("#") for link in links} <= set(ids)
    assert {clip[5:-1] for clip in clips} <= set(ids)


def test_file_stands_alone_on_white_paper() -> None:
    text = svg_file(_points(WIDE, "points"), key="a", title="t", description="d")
    root = _parsed(text)
    assert root[0].tag == f"{SVG}rect"
    assert root[0].get("fill") == "#ffffff"
    assert text.endswith("</svg>\n")
