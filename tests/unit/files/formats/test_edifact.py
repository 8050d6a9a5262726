"""Segments of EDIFACT, whatever their separators and however the file comes in pieces."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.formats.edifact import QuantityFault, Segment, kwh_of, segments

Elements = list[list[str]]
TEXTS = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=8)
ELEMENTS = st.lists(st.lists(TEXTS, min_size=1, max_size=3), min_size=1, max_size=4)
SEPARATORS = st.sampled_from([":+.?'", ";|,!~"])


def encoded(files: list[Elements], marks: str) -> bytes:
    """Write segments by the rules of ISO 9735."""
    component, element, decimal, release, end = list(marks)
    special = {component, element, release, end}

    def released(text: str) -> str:
        return "".join(release + one if one in special else one for one in text)

    lines = [f"UNA{component}{element}{decimal}{release} {end}"]
    for elements in files:
        parts = [component.join(map(released, one)) for one in elements]
        lines.append(element.join(["ABC", *parts]) + end)
    return "\r\n".join(lines).encode("latin-1")


def read(data: bytes, size: int = 1 << 20) -> list[Segment]:
    pieces = [data[place : place + size] for place in range(0, len(data), size)]
    return list(segments(pieces, "v.edi"))


@given(st.lists(ELEMENTS, max_size=4), SEPARATORS, st.integers(1, 30))
def test_what_is_written_is_read_back_from_pieces_of_any_size(
    files: list[Elements], marks: str, size: int
) -> None:
    data = encoded(files, marks)
    found = read(data, size)
    assert [one.tag for one in found] == ["UNA"] + ["ABC"] * len(files)
    assert [one.elements for one in found[1:]] == files
    assert all(one.decimal == marks[2] for one in found[1:])
    text = b"".join(one.text for one in found)
    assert [one.elements for one in read(text)] == [one.elements for one in found]


def test_separators_are_the_usual_ones_without_advice_and_new_ones_with_each() -> None:
    found = read(b"UNB+UNOC:3'\nABC+a?+b:c'UNA;|,! ~UNB|x~ABC|a!|b;c~\r\n\x1a")
    assert [(one.tag, one.elements) for one in found if one.tag == "ABC"] == [
        ("ABC", [["a+b", "c"]]),
        ("ABC", [["a|b", "c"]]),
    ]


def test_syntax_says_the_encoding() -> None:
    assert read("UNB+UNOY:4'ABC+Zähler'".encode())[1].get(0) == "Zähler"
    assert read("UNB+UNOC:3'ABC+Zähler'".encode("latin-1"))[1].get(0) == "Zähler"


def test_components_that_are_missing_are_empty() -> None:
    [segment] = read(b"QTY+220: 1.5 '")
    assert [segment.get(0), segment.get(0, 1), segment.get(0, 2), segment.get(1)] == [
        "220",
        "1.5",
        "",
        "",
    ]


def test_advice_without_release_character() -> None:
    [_, segment] = read(b"UNA:+.  'ABC+a?:b'")
    assert segment.elements == [["a?", "b"]]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"ABC+1'ABC+2", "segment 2: the file ends within it"),
        (b"ABC+1?'", "segment 1: the file ends within it"),
        (b"ABC+" + b"1" * 70_000, "segment 1: it is over 65536 bytes"),
    ],
)
def test_files_that_cannot_be_read_on_are_refused(data: bytes, reason: str) -> None:
    with pytest.raises(OperatorError, match=reason):
        read(data)


@given(
    value=st.decimals(-(10**9), 10**9, places=3),
    unit=st.sampled_from(["", "KWH", "MWH", "WHR", "KWT", "MAW", "WTT"]),
    minutes=st.sampled_from([5, 15, 30, 60]),
)
def test_energy_is_the_double_nearest_to_the_exact_number(
    value: object, unit: str, minutes: int
) -> None:
    hours = Fraction(minutes, 60)
    sizes = {"WHR": Fraction(1, 1000), "MWH": Fraction(1000), "KWT": hours}
    sizes |= {"MAW": 1000 * hours, "WTT": hours / 1000}
    exact = Fraction(str(value)) * sizes.get(unit, Fraction(1))
    assert kwh_of(str(value), unit, float(minutes)) == float(exact)


def test_power_without_an_interval_is_no_energy() -> None:
    assert kwh_of("1", "KWT", None) is None
    with pytest.raises(QuantityFault):
        kwh_of("1e3", "KWH", None)
