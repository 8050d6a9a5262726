"""Tables and pictures of the capacity page, and which figures are kept."""

import xml.etree.ElementTree as ET
from pathlib import Path

import msgspec
from loadtest.capacity.curves import Curve, Point, merged, svg, table

RESULTS = Path(__file__).parents[4] / "loadtest" / "capacity" / "results.json"
IMAGES = Path(__file__).parents[4] / "docs" / "images"


def point(label: str, rows_per_s: float) -> Point:
    return Point(
        label=label,
        rows=1_000,
        rows_per_s=rows_per_s,
        slowest_rows_per_s=rows_per_s - 1_000,
        service_us=1.25,
        questdb_us=2.5,
        worker_mib=99.0,
    )


def curve(name: str = "meters") -> Curve:
    points = [point("10 <k>", 400_000), point("1 M", 300_000)]
    return Curve(name=name, title="distinct & meters", commit="c", machine={}, points=points)


def test_table_has_every_point_and_its_ratio_to_the_first() -> None:
    lines = table(curve()).splitlines()
    assert lines[2] == "| 10 <k> | 400 k | 1.00 | 399 k | 1.25 | 2.50 | 99 |"
    assert lines[3].startswith("| 1 M | 300 k | 0.75 |")


def test_picture_is_well_formed_and_has_every_label() -> None:
    drawn = ET.fromstring(svg(curve()))  # noqa: S314 - our own text
    texts = [element.text for element in drawn.iter() if element.tag.endswith("text")]
    assert {"10 <k>", "1 M", "400k", "300k", "distinct & meters"} <= set(texts)


def test_curves_that_were_not_measured_again_are_kept() -> None:
    new = curve("b")
    assert merged([curve("a"), curve("b")], [new]) == [curve("a"), new]
    assert merged([curve("a"), curve("b")], [new])[1] is new


def test_pictures_in_the_docs_are_those_of_the_kept_figures() -> None:
    kept = msgspec.json.decode(RESULTS.read_bytes(), type=list[Curve])
    assert kept
    for one in kept:
        assert (IMAGES / f"capacity_{one.name}.svg").read_text() == svg(one)
