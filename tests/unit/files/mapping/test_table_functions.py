"""The tables that a mapping can name: each opens its kind of file with its arguments."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest
from tests.unit.files.mapping.mapping_rig import rows_of, written

from utility_ts_analytics.files.mapping.table_functions import TABLE_FUNCTIONS

SAMPLES = Path(__file__).parents[4] / "mappings" / "samples"


@pytest.mark.parametrize(
    ("sql", "content", "row"),
    [
        ("csv($path)", "a,b\n1,2\n", {"rec": 1, "a": "1", "b": "2"}),
        ("csv($path, ';', false, 1)", "x\n1;2\n", {"rec": 1, "column0": "1", "column1": "2"}),
        ("csv($path, encoding := 'latin-1')", b"a\n\xe4\n", {"rec": 1, "a": "ä"}),
        ("csv($path, ragged := true, quote := '')", 'a,b\n"1\n', {"rec": 1, "a": '"1', "b": None}),
        ("csv($path, strict := false)", "a\n1,2\n", {"rec": 1, "a": "1"}),
        ("lines($path, encoding := 'cp1252')", b"\n\x80\n", {"rec": 2, "line": "€", "gap": False}),
        ("ndjson($path)", '{"a": 1}\n', {"rec": 1, "a": "1"}),
        ("json_array($path)", '[{"a": 1}]', {"rec": 1, "a": "1"}),
        ("json_document($path, largest := 100)", '{"a": 1}', {"rec": 1, "a": "1"}),
    ],
)
def test_table_of_a_text_file(
    sql: str, content: str | bytes, row: dict[str, Any], tmp_path: Path
) -> None:
    columns = "rec, j->>'a' AS a" if "json" in sql else "*"
    assert rows_of(f"SELECT {columns} FROM {sql}", written(tmp_path, content)) == [row]


def test_tables_of_columns_keep_their_types(tmp_path: Path) -> None:
    table = pa.table({"a": pa.array([1.5]), "b": pa.array(["x"])})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    pyarrow.feather.write_feather(table, tmp_path / "a.arrow")
    for name in ("parquet", "arrow"):
        assert rows_of(f"FROM {name}($path)", tmp_path / f"a.{name}") == [
            {"rec": 1, "a": 1.5, "b": "x"}
        ]


@pytest.mark.parametrize(
    ("sql", "sample"),
    [("FROM nem12($path)", "nem12.csv"), ("FROM workbook($path)", "workbook-half-hours.xlsx")],
)
def test_tables_of_formats_open_their_samples(sql: str, sample: str) -> None:
    assert rows_of(f"SELECT rec {sql}", SAMPLES / sample)


def test_refused_records_go_into_files_of_the_kind_that_is_read_again() -> None:
    assert {name: one.suffix for name, one in TABLE_FUNCTIONS.items()} == {
        "csv": "",
        "lines": "",
        "ndjson": "",
        "json_array": ".ndjson",
        "json_document": ".ndjson",
        "parquet": ".ndjson",
        "arrow": ".ndjson",
        "workbook": ".csv",
        "espi": ".ndjson",
        "mscons": ".ndjson",
        "nem12": "",
    }
    assert all(name == one.name for name, one in TABLE_FUNCTIONS.items())
