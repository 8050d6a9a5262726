"""Combinations that mean nothing are refused, each by the key to change."""

import pytest

from utility_ts_analytics.errors import ConfigError
from utility_ts_analytics.ingest.mapping.load import parse_mapping

FIELDS = {"meter_id": "m", "kwh": "v"}
WIDE = {"field": "kwh", "first_column": "a", "last_column": "z"}
DAYS = {"zone": "Europe/Berlin", "interval_minutes": 15}
WIDE_FIELDS: dict[str, object] = {"meter_id": "m", "kwh": {}}


def problems_of(**tables: object) -> list[str]:
    given = {"stream": "meter_usage", "fields": FIELDS, **tables}
    try:
        parse_mapping({key: table for key, table in given.items() if table is not None})
    except ConfigError as error:
        return list(error.problems)
    return []


@pytest.mark.parametrize(
    "tables",
    [
        {},
        {"file": {"header": False, "columns": ["m", "v", "ts"]}},
        {"time": {"zone": "UTC", "label": "end", "interval_minutes": 15}},
        {"wide": WIDE, "time": DAYS, "fields": WIDE_FIELDS},
        {"file": {"kind": "nem12"}, "fields": None},
        {"time": {"format": ["%d %b %y %I:%M %p", "iso"]}},
    ],
    ids=repr,
)
def test_good_combinations(tables: dict[str, object]) -> None:
    assert problems_of(**tables) == []


@pytest.mark.parametrize(
    ("tables", "problem"),
    [
        ({"file": {"header": False}}, "file.columns: must name the columns"),
        ({"file": {"columns": ["a"]}}, "file.columns: has no use beside a header"),
        ({"file": {"header": False, "columns": ["a", "a"]}}, "file.columns: has a name more than"),
        (
            {"file": {"skip_lines_starting_with": "A", "only_lines_starting_with": "A"}},
            "file.only_lines_starting_with: has a text that skip",
        ),
        (
            {"file": {"decimal_comma": True, "delimiter": ",", "quoted": False}},
            "file.decimal_comma: cannot be true",
        ),
        ({"file": {"kind": "parquet", "delimiter": ";"}}, "file.delimiter: has no use in a file"),
        ({"file": {"kind": "nem12"}}, "fields: has no use: NEM12 says itself"),
        ({"nem12": {}}, 'nem12: has no use without file.kind = "nem12"'),
        ({"time": {"columns": []}}, "time.columns: must be one column, or one of dates and one"),
        ({"time": {"format": "%H:%M"}}, "time.format[0]: must be one of iso, epoch_s"),
        ({"time": {"format": ["iso", "%Y-%Q"]}}, "time.format[1]: is no strptime format"),
        ({"time": {"zone": "X/Y"}}, "time.zone: must be an IANA zone"),
        ({"time": {"repeated_hour": "order"}}, "time.repeated_hour: has no use without time.zone"),
        ({"time": {"label": "wall-end", "interval_minutes": 15}}, "time.label: cannot be"),
        ({"time": {"label": "end"}}, "time.interval_minutes: must be set, as time.label is"),
        ({"fields": {"meter_id": "m"}}, "fields.kwh: must be set to a column"),
        ({"wide": WIDE, "time": DAYS}, "fields.kwh: must have no column: [wide] says"),
        (
            {"wide": WIDE, "time": {}, "fields": WIDE_FIELDS},
            "time.zone: must be set: a day of wide rows",
        ),
        (
            {"wide": WIDE, "time": {**DAYS, "interval_minutes": 7}, "fields": WIDE_FIELDS},
            "time.interval_minutes: must be set to a part of a day",
        ),
        (
            {"wide": WIDE, "time": {**DAYS, "label": "end"}, "fields": WIDE_FIELDS},
            "time.label: has no use with [wide]",
        ),
        (
            {
                "wide": {**WIDE, "day": "clock"},
                "time": {**DAYS, "repeated_hour": "order"},
                "fields": WIDE_FIELDS,
            },
            'time.repeated_hour: cannot be "order"',
        ),
        (
            {"wide": WIDE, "time": {**DAYS, "missing_hour": "shift"}, "fields": WIDE_FIELDS},
            "time.missing_hour: has no use with wide.day",
        ),
        (
            {"wide": WIDE, "time": DAYS, "fields": {**WIDE_FIELDS, "kvarh": "k"}},
            "fields.kvarh: cannot be told by a row that holds a day of kwh",
        ),
        ({"wide": {**WIDE, "field": "meter_id"}, "time": DAYS}, "wide.field: must be a number of"),
    ],
)
def test_problems(tables: dict[str, object], problem: str) -> None:
    assert any(line.startswith(problem) for line in problems_of(**tables)), problems_of(**tables)
