"""A difference is one line that a person sees at once."""

import pytest

from utility_ts_analytics.files.replaced.replaced_rows import difference_text

FIELDS = ("ts", "event_id", "meter_id", "kwh", "premise_id", "kvarh", "kva_demand", "quality_flag")


def text(earlier: dict[str, object], later: dict[str, object]) -> str:
    return difference_text(earlier, later, FIELDS)


@pytest.mark.parametrize(
    ("earlier", "later", "expected"),
    [
        ({"kwh": 1.0}, {"kwh": 2.0}, "kwh 1 -> 2"),
        ({"kwh": 0.1}, {"kwh": 0.30000000000000004}, "kwh 0.1 -> 0.30000000000000004"),
        ({"kwh": 1e300}, {"kwh": -0.5}, "kwh 1e+300 -> -0.5"),
        ({}, {"quality_flag": "VALID"}, "quality_flag absent -> VALID"),
        ({"quality_flag": None}, {"quality_flag": ""}, 'quality_flag absent -> ""'),
        ({"quality_flag": "absent"}, {}, 'quality_flag "absent" -> absent'),
        ({"quality_flag": "A "}, {"quality_flag": "A"}, 'quality_flag "A " -> A'),
        ({"quality_flag": "A\n"}, {"quality_flag": "A\x1b[2J"}, r"quality_flag A\n -> A\x1b[2J"),
        ({"quality_flag": "é"}, {"quality_flag": "e"}, "quality_flag é -> e"),
        ({"event_id": "a"}, {"event_id": "b"}, ""),
        ({"kwh": 0.0, "kvarh": None}, {"kwh": -0.0}, ""),
        ({"other": 1}, {}, ""),
    ],
)
def test_what_differs_is_named(
    earlier: dict[str, object], later: dict[str, object], expected: str
) -> None:
    assert text(earlier, later) == expected


def test_three_fields_are_named_in_order_and_the_others_counted() -> None:
    later = {"quality_flag": "VALID", "kva_demand": 3.0, "kvarh": 1.0, "kwh": 2.0}
    three = "kwh 1 -> 2, kvarh absent -> 1, kva_demand absent -> 3"
    assert text({"kwh": 1.0}, later) == f"{three}, and 1 more"
    del later["quality_flag"]
    assert text({"kwh": 1.0}, later) == three


def test_long_texts_are_cut_where_they_differ() -> None:
    earlier, later = "x" * 100 + "a" + "y" * 100, "x" * 100 + "b" + "y" * 100
    shown = text({"premise_id": earlier}, {"premise_id": later})
    assert shown == f"premise_id ...{'x' * 8}a{'y' * 31}... -> ...{'x' * 8}b{'y' * 31}..."
    assert text({}, {"premise_id": "z" * 256}) == f"premise_id absent -> {'z' * 40}..."


def test_text_that_only_goes_on_is_shown_where_it_does() -> None:
    shown = text({"premise_id": "x" * 50}, {"premise_id": "x" * 50 + "y"})
    assert shown == f"premise_id ...{'x' * 8} -> ...{'x' * 8}y"


def test_early_difference_shows_the_beginning() -> None:
    shown = text({"premise_id": "ab" + "x" * 60}, {"premise_id": "ac"})
    assert shown == f"premise_id ab{'x' * 38}... -> ac"
