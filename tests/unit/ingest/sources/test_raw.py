"""Rows that make many records give their text once."""

from pathlib import Path

from tests.unit.ingest.sources.source_rig import METER_USAGE, meter_mapping, written

from utility_ts_analytics.ingest.sources import open_source


def test_text_of_a_wide_row_is_given_once_and_of_each_row_else(tmp_path: Path) -> None:
    path = written(tmp_path, "r.csv", "meter,day,a,b\nm,2024-06-03,1,2\nn,2024-06-03,3,x\n")
    mapping = meter_mapping(
        time={"columns": "day", "zone": "UTC", "interval_minutes": 720},
        wide={"field": "kwh", "first_column": "a", "last_column": "b"},
        fields={"meter_id": "meter", "kwh": {}},
    )
    with open_source(
        path, spec=METER_USAGE, mapping=mapping, kind=None, line_bytes_max=1_000
    ) as source:
        [block] = source
    assert block.columns.column("kwh").to_pylist() == [1.0, 2.0, 3.0]
    assert list(block.positions) == [2, 2, 3]
    assert [block.text_of(index) for index in range(3)] == [b"m,2024-06-03,1,2\n", b"", b""]
    [refused] = block.refused
    assert refused.text == b"n,2024-06-03,3,x\n"
    assert block.line_count == 4
