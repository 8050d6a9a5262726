"""Answers on a terminal and in files: what is read back is what was answered."""

import io
import json
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from utility_ts_analytics.analysis.output import ROWS_SHOWN, show, write

ANSWER = pa.table(
    {
        "ts": pa.array([datetime(2024, 6, 3, 22, 15, tzinfo=UTC), None], pa.timestamp("us", "UTC")),
        "name": ['a "b", c', None],
        "kwh": [1.23456789, None],
        "local_day": [date(2024, 6, 4), None],
        "count": [3, 0],
    }
)


def test_table_is_for_eyes() -> None:
    lines = show(ANSWER, width=120).splitlines()
    assert "2024-06-03 22:15:00" in lines[4]
    assert "1.235" in lines[4]
    assert "NULL" not in lines[5]
    assert all(len(line) <= 120 for line in lines)


def test_long_table_has_both_ends_and_its_count() -> None:
    many = pa.table({"n": range(1_000)})
    text = show(many, width=80)
    assert len(text.splitlines()) < ROWS_SHOWN + 12
    assert "1000 rows" in text
    assert " 0 " in text
    assert " 999 " in text


def test_csv_has_times_of_rfc_3339_and_empty_nulls() -> None:
    sink = io.BytesIO()
    write(ANSWER, "csv", sink)
    assert sink.getvalue().decode().splitlines() == [
        '"ts","name","kwh","local_day","count"',
        '"2024-06-03T22:15:00.000000Z","a ""b"", c",1.23456789,2024-06-04,3',
        ",,,,0",
    ]


def test_json_is_one_array_also_of_nothing_and_of_many_batches() -> None:
    sink = io.BytesIO()
    write(ANSWER, "json", sink)
    first, second = json.loads(sink.getvalue())
    assert first == {
        "ts": "2024-06-03T22:15:00Z",
        "name": 'a "b", c',
        "kwh": 1.23456789,
        "local_day": "2024-06-04",
        "count": 3,
    }
    assert set(second.values()) == {None, 0}
    for rows in (0, 1, 25_000):
        sink = io.BytesIO()
        write(pa.table({"n": pa.array(range(rows), pa.int64())}), "json", sink)
        assert json.loads(sink.getvalue()) == [{"n": number} for number in range(rows)]


def test_parquet_is_the_answer_itself(tmp_path: Path) -> None:
    write(ANSWER, "parquet", tmp_path / "answer.parquet")
    assert pq.read_table(tmp_path / "answer.parquet").equals(ANSWER)


def test_file_is_written_like_a_stream(tmp_path: Path) -> None:
    sink = io.BytesIO()
    for format_ in ("csv", "json"):
        write(ANSWER, format_, tmp_path / "answer")
        sink = io.BytesIO()
        write(ANSWER, format_, sink)
        assert (tmp_path / "answer").read_bytes() == sink.getvalue()
