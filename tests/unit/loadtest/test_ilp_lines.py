"""ILP text made ahead for the direct side of a measurement."""

from datetime import UTC, datetime

import pytest
from loadtest.bench.ilp_lines import ilp_lines
from loadtest.stored_comparison import StoredReading


def row(premise_id: str | None = "p-1") -> StoredReading:
    return StoredReading(
        ts=datetime(2024, 5, 1, 0, 0, 0, 1, tzinfo=UTC),
        event_id="5f1e0c9a-0000-8000-8000-000000000001",
        meter_id="m-1",
        premise_id=premise_id,
        kwh=0.1,
        kvarh=None,
        kva_demand=2.0,
        quality_flag="VALID",
        source_system=None,
    )


def test_line_has_each_value_once_and_no_nulls() -> None:
    assert list(ilp_lines([row()])) == [
        b"meter_usage,meter_id=m-1,quality_flag=VALID"
        b' event_id="5f1e0c9a-0000-8000-8000-000000000001",premise_id="p-1",kwh=0.1,kva_demand=2.0'
        b" 1714521600000001000\n"
    ]


@pytest.mark.parametrize("text", ["a b", "a,b", "a=b", 'a"b', "a\\b", "a\nb", ""])
def test_text_that_needs_escaping_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="premise_id"):
        list(ilp_lines([row(text)]))
