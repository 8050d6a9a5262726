"""Texts that stand for others, by each rule for those that are not listed."""

import pyarrow as pa
import pytest

from utility_ts_analytics.ingest.mapping.faults import Faults
from utility_ts_analytics.ingest.mapping.model import FieldRule
from utility_ts_analytics.ingest.mapping.texts import texts_of

VALUES = {"A": "ACTUAL", "1": "ONE"}


@pytest.mark.parametrize(
    ("others", "expected", "kept"),
    [
        ("keep", ["ACTUAL", "X", None, None], [True] * 4),
        ("absent", ["ACTUAL", None, None, None], [True] * 4),
        ("refuse", ["ACTUAL", None, None, None], [True, False, True, True]),
    ],
)
def test_values(others: str, expected: list[str | None], kept: list[bool]) -> None:
    rule = FieldRule("x", values=VALUES, other_values=others)  # type: ignore[arg-type]
    faults = Faults()
    found = texts_of(pa.array(["A", "X", None, ""]), rule, "quality_flag", faults)
    assert found.to_pylist() == expected
    assert faults.kept(4).tolist() == kept


def test_whole_numbers_are_texts_and_markers_absent() -> None:
    faults = Faults()
    rule = FieldRule("x", null=frozenset(("0",)))
    assert texts_of(pa.array([7, 0]), rule, "meter_id", faults).to_pylist() == ["7", None]
    mapped = FieldRule("x", values=VALUES)
    assert texts_of(pa.array([1]), mapped, "meter_id", faults).to_pylist() == ["ONE"]
    assert not faults
