"""What each field can say, and what has no use in it."""

import pytest

from utility_ts_analytics.errors import ConfigError
from utility_ts_analytics.ingest.mapping.load import parse_mapping


def problems_of(**fields: object) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as refused:
        parse_mapping({"stream": "meter_usage", "fields": {"meter_id": "m", "kwh": "v", **fields}})
    return refused.value.problems


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("ts", "t", "fields.ts: is read by [time]: name its column in time.columns"),
        ("mw", "x", "fields.mw: is no field of meter_usage; these are: event_id, meter_id, kwh"),
        ("kvarh", 1, "fields.kvarh: must be the name of a column or a table, is 1"),
        ("kvarh", {"column": "x", "constant": "1"}, "fields.kvarh.constant: has no use here"),
        ("kvarh", {"column": "x", "values": {"a": "b"}}, "fields.kvarh.values: has no use here"),
        ("kvarh", {"column": "x", "multiplier": 0}, "fields.kvarh.multiplier: must be a number"),
        ("kvarh", {"column": "x", "multiplier": True}, "fields.kvarh.multiplier: must be a"),
        ("kvarh", {"column": "x", "multiplier": float("nan")}, "fields.kvarh.multiplier: must"),
        ("kvarh", {"column": "x", "unit": "kWh"}, "fields.kvarh.unit: is active energy"),
        ("premise_id", {"column": "x", "unit": "Wh"}, "fields.premise_id.unit: has no use here"),
        ("premise_id", {"colum": "x"}, "fields.premise_id.colum: is no known key"),
        ("premise_id", {}, "fields.premise_id: must have one of column and constant"),
        ("premise_id", {"column": "x", "values": {}}, "fields.premise_id.values: must be a table"),
        ("premise_id", {"column": "x", "values": {"a": 1}}, "fields.premise_id.values.a: must be"),
        ("premise_id", {"column": "x", "other_values": "keep"}, "has no use without values"),
    ],
)
def test_problems(field: str, value: object, problem: str) -> None:
    assert any(problem in line for line in problems_of(**{field: value}))


def test_fields_that_are_no_table() -> None:
    with pytest.raises(ConfigError, match="fields: must be a table, is 1"):
        parse_mapping({"stream": "meter_usage", "fields": 1})
