"""Parquet and Arrow columns of any type that fits give the records of the same CSV."""

import io
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest
from tests.unit.ingest.sources.source_rig import METER_USAGE, meter_mapping, read_file, written

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.ingest.sources import open_source
from utility_ts_analytics.ingest.sources.contract import BLOCK_ROWS_MAX

START = datetime(2024, 3, 31, 0, 30, tzinfo=UTC)
INSTANTS = [START + timedelta(minutes=15 * number) for number in range(4)]
TABLE = pa.table(
    {
        "note": pa.array([[1], [2], [3], [4]]),
        "kwh": [1.0, 2.5, 3.0, 4.0],
        "ts": pa.array(INSTANTS, pa.timestamp("us", "UTC")),
        "meter_id": ["m-1", "m-2", "m-3", "m-4"],
        "quality_flag": ["A", None, "E", "A"],
    }
)

OWN_FIELDS = {name: name for name in ("meter_id", "kwh", "quality_flag")}


def parquet(tmp_path: Path, table: pa.Table, name: str = "r.parquet") -> Path:
    pa.parquet.write_table(table, tmp_path / name)
    return tmp_path / name


def replaced(name: str, column: pa.Array) -> pa.Table:
    return TABLE.set_column(TABLE.schema.get_field_index(name), name, column)


def test_parquet_feather_arrow_file_and_stream_give_the_same(tmp_path: Path) -> None:
    pa.feather.write_feather(TABLE, str(tmp_path / "r.feather"))
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, TABLE.schema) as stream:
        stream.write_table(TABLE)
    paths = [
        parquet(tmp_path, TABLE),
        tmp_path / "r.feather",
        written(tmp_path, "r.arrow", sink.getvalue()),
    ]
    for path in paths:
        found = read_file(path)
        assert found.errors == []
        assert found.places == [1, 2, 3, 4]
        assert found.values("ts") == INSTANTS
        assert found.values("kwh") == [1.0, 2.5, 3.0, 4.0]
        assert found.values("quality_flag") == ["A", None, "E", "A"]


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("meter_id", TABLE["meter_id"].cast(pa.large_string())),
        ("meter_id", TABLE["meter_id"].cast(pa.string_view())),
        ("meter_id", TABLE["meter_id"].dictionary_encode()),
        ("kwh", TABLE["kwh"].cast(pa.float32())),
        ("kwh", pa.array([Decimal("1.0"), Decimal("2.5"), Decimal(3), Decimal(4)])),
        ("kwh", pa.array(["1.0", "2.5", "3.0", "4.0"])),
        ("kwh", TABLE["kwh"].dictionary_encode()),
        ("ts", TABLE["ts"].cast(pa.timestamp("s", "UTC"))),
        ("ts", TABLE["ts"].cast(pa.timestamp("ms", "Europe/Berlin"))),
        ("ts", TABLE["ts"].cast(pa.timestamp("ns", "+05:30"))),
        ("ts", pa.array([moment.isoformat() for moment in INSTANTS])),
        ("ts", TABLE["ts"].dictionary_encode()),
    ],
    ids=lambda value: str(getattr(value, "type", value)),
)
def test_columns_of_other_types_are_converted(tmp_path: Path, name: str, column: pa.Array) -> None:
    plain = read_file(parquet(tmp_path, TABLE))
    found = read_file(parquet(tmp_path, replaced(name, column), "other.parquet"))
    assert found.rows == plain.rows
    assert found.errors == []


def test_whole_numbers_are_ids_and_values_exactly(tmp_path: Path) -> None:
    table = replaced("meter_id", pa.array([1, 2, 3, 2**60 + 1])).set_column(
        1, "kwh", pa.array([1, 2, 3, 2**53], pa.uint64())
    )
    found = read_file(parquet(tmp_path, table))
    assert found.values("meter_id") == ["1", "2", "3", str(2**60 + 1)]
    assert found.values("kwh") == [1.0, 2.0, 3.0, float(2**53)]


def test_rows_that_are_no_records_name_their_row_and_can_be_loaded_again(tmp_path: Path) -> None:
    table = replaced("kwh", pa.array([float("nan"), None, -3.0, 4.0]))
    found = read_file(parquet(tmp_path, table))
    assert found.codes == [
        (1, "invalid-number", "kwh"),
        (2, "missing-field", "kwh"),
        (3, "negative-value", "kwh"),
    ]
    assert found.places == [4]
    lines = found.refused.splitlines()
    assert lines[2] == (
        b'{"meter_id":"m-3","kwh":-3.0,"quality_flag":"E","ts":"2024-03-31T01:00:00Z"}'
    )
    again = read_file(
        written(tmp_path, "refused.ndjson", found.refused),
        meter_mapping(fields={"meter_id": "meter_id", "kwh": "kwh"}),
    )
    assert [code for _, code, _ in again.codes] == [
        "missing-field",  # JSON has no NaN: it is null
        "missing-field",
        "negative-value",
    ]


def test_rows_of_many_row_groups_and_batches_are_numbered_through(tmp_path: Path) -> None:
    count = 2 * BLOCK_ROWS_MAX + 100
    table = pa.table(
        {
            "ts": pa.array([START] * count, pa.timestamp("us", "UTC")),
            "meter_id": [f"m-{number}" for number in range(count)],
            "kwh": [float(number) for number in range(count)],
        }
    )
    pa.parquet.write_table(table, tmp_path / "r.parquet", row_group_size=10_000)
    pa.feather.write_feather(table, str(tmp_path / "r.feather"), chunksize=count)
    for name in ("r.parquet", "r.feather"):
        found = read_file(tmp_path / name)
        assert found.places == list(range(1, count + 1))
        assert found.values("kwh") == [float(number) for number in range(count)]
        assert found.blocks >= 3
        with open_source(
            tmp_path / name, spec=METER_USAGE, mapping=None, kind=None, line_bytes_max=1_000
        ) as source:
            read = [source.bytes_read for _ in source]
            assert read == sorted(read)
            assert source.bytes_read == source.size_bytes


def test_times_without_a_zone_are_refused_with_what_to_set(tmp_path: Path) -> None:
    naive = replaced("ts", TABLE["ts"].cast(pa.timestamp("us")))
    path = parquet(tmp_path, naive)
    with pytest.raises(OperatorError, match=r"column ts have no zone: set time\.zone in the map"):
        read_file(path)
    mapping = meter_mapping(
        time={"zone": "Asia/Kolkata"}, fields={"meter_id": "meter_id", "kwh": "kwh"}
    )
    found = read_file(path, mapping)
    assert found.values("ts") == [moment - timedelta(hours=5.5) for moment in INSTANTS]


def test_date_and_time_columns_and_epochs_are_times(tmp_path: Path) -> None:
    table = pa.table(
        {
            "meter": ["m"],
            "value": [1],
            "day": pa.array([date(2024, 7, 1)]),
            "at": pa.array([time(12, 30)]),
            "at_text": ["12:30"],
            "ms": [1_719_829_800_000],
            "ns": pa.array([1_719_829_800_000_000_500], pa.int64()),
            "s": [1_719_829_800.25],
        }
    )
    path = parquet(tmp_path, table)
    noon = datetime(2024, 7, 1, 10, 30, tzinfo=UTC)  # 12:30 in Berlin
    for time_table, expected in (
        ({"columns": ["day", "at"], "zone": "Europe/Berlin"}, noon),
        ({"columns": ["day", "at_text"], "zone": "Europe/Berlin"}, noon),
        ({"columns": "ms", "format": "epoch_ms"}, noon),
        ({"columns": "ns", "format": "epoch_ns"}, noon + timedelta(microseconds=1)),
        ({"columns": "s", "format": "epoch_s"}, noon + timedelta(milliseconds=250)),
    ):
        assert read_file(path, meter_mapping(time=time_table)).values("ts") == [expected]


@pytest.mark.parametrize(
    ("name", "column", "reason"),
    [
        ("ts", [1, 2, 3, 4], "column ts holds numbers: set time.format in the mapping to epoch_s"),
        ("ts", [True] * 4, "column ts is bool, which is no time"),
        ("kwh", [True] * 4, "column kwh is bool, but kwh needs numbers"),
        ("meter_id", [1.5] * 4, "column meter_id is double, but meter_id needs texts or whole"),
        ("quality_flag", [[1]] * 4, "quality_flag needs texts"),
    ],
)
def test_columns_that_cannot_fit_are_refused_by_name(
    tmp_path: Path, name: str, column: list[object], reason: str
) -> None:
    path = parquet(tmp_path, replaced(name, pa.array(column)))
    with pytest.raises(OperatorError, match=reason) as refused:
        read_file(path)
    assert str(refused.value).startswith(f"cannot read {path}: ")


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_cut_empty_and_foreign_files_are_refused(tmp_path: Path, kind: str) -> None:
    whole = parquet(tmp_path, TABLE).read_bytes()
    if kind == "arrow":
        pa.feather.write_feather(TABLE, str(tmp_path / "w.arrow"))
        whole = (tmp_path / "w.arrow").read_bytes()
    for content in (whole[:-20], whole[: len(whole) // 2], b"", b"ts,meter_id,kwh\n" * 9):
        path = written(tmp_path, f"bad.{kind}", content)
        with pytest.raises(OperatorError, match=r"is the file whole") as refused:
            read_file(path)
        assert str(refused.value).startswith(f"cannot read {path}: ")
        assert "\n" not in str(refused.value)


def test_file_without_a_needed_column_is_refused(tmp_path: Path) -> None:
    path = parquet(tmp_path, TABLE.drop_columns(["kwh", "ts"]))
    with pytest.raises(OperatorError, match=r"the schema lacks kwh, ts$"):
        read_file(path)


def not_utf8(texts: list[bytes], kind: pa.DataType) -> pa.Array:
    """Return a column of texts that are what stands there, UTF-8 or not."""
    return pa.array(texts, pa.binary()).view(pa.string()).view(kind)


def arrow(tmp_path: Path, table: pa.Table, name: str = "r.arrow") -> Path:
    with pa.OSFile(str(tmp_path / name), "wb") as sink, pa.ipc.new_file(sink, table.schema) as file:
        file.write_table(table, max_chunksize=2)
    return tmp_path / name


@pytest.mark.parametrize("write", [parquet, arrow])
@pytest.mark.parametrize("name", ["quality_flag", "meter_id", "ts", "kwh", "event_id"])
@pytest.mark.parametrize("form", ["string", "dictionary"])
def test_text_that_is_not_utf8_is_one_refused_row(
    tmp_path: Path, write: Callable[[Path, pa.Table], Path], name: str, form: str
) -> None:
    """Row number, column and the bytes as they stood; all other rows are kept."""
    good = {
        "quality_flag": b"A",
        "meter_id": b"m-1",
        "ts": b"2024-03-31T00:30:00Z",
        "kwh": b"1.0",
        "event_id": b"mine",
    }[name]
    column = not_utf8([good, good, good[:1] + b"\xff", good], pa.string())
    if form == "dictionary":
        # pyarrow reads other indices than these from Parquet only if every text of it is UTF-8.
        indices = pa.array([0, 0, 2, 0], pa.int32())
        column = pa.DictionaryArray.from_arrays(indices, column, safe=False)
    table = TABLE.append_column(name, column) if name == "event_id" else replaced(name, column)
    found = read_file(write(tmp_path, table))
    assert found.codes == [(3, "invalid-utf8", name)]
    assert found.places == [1, 2, 4]
    assert b'"%s":"%s\xff"' % (name.encode(), good[:1]) in found.refused
    again = read_file(
        written(tmp_path, "refused.ndjson", found.refused), meter_mapping(fields=OWN_FIELDS)
    )
    assert [code for _, code, _ in again.codes] == ["invalid-utf8"]


def test_column_whose_name_is_not_utf8_is_told_and_read_by_no_name(tmp_path: Path) -> None:
    whole = arrow(tmp_path, TABLE).read_bytes()
    path = written(tmp_path, "named.arrow", whole.replace(b"quality_flag", b"quality\xfff_ag"))
    with pytest.raises(OperatorError, match=r"named\.arrow: the name of a column is not UTF-8"):
        read_file(path)


def test_time_that_python_has_not_is_refused_with_its_number(tmp_path: Path) -> None:
    column = pa.array([2**62, 1, 2, 3], pa.timestamp("us", "UTC"))
    found = read_file(parquet(tmp_path, replaced("ts", column)))
    assert found.codes[0] == (1, "timestamp-out-of-range", "ts")
    assert b'"ts":%d}' % 2**62 in found.refused


def test_file_that_breaks_in_the_middle_gives_what_comes_before_and_says_where(
    tmp_path: Path,
) -> None:
    count = BLOCK_ROWS_MAX + 100
    table = pa.table(
        {
            "ts": pa.array([START + timedelta(minutes=n) for n in range(count)]),
            "meter_id": ["m-1"] * count,
            "kwh": [float(number) for number in range(count)],
        }
    )
    pa.parquet.write_table(table, tmp_path / "r.parquet", row_group_size=BLOCK_ROWS_MAX)
    content = bytearray((tmp_path / "r.parquet").read_bytes())
    start = pa.parquet.ParquetFile(tmp_path / "r.parquet").metadata.row_group(1).column(0)
    content[start.dictionary_page_offset or start.data_page_offset] ^= 0xFF
    path = written(tmp_path, "torn.parquet", bytes(content))
    with open_source(
        path, spec=METER_USAGE, mapping=None, kind=None, line_bytes_max=1_000
    ) as source:
        blocks = iter(source)
        assert next(blocks).columns.num_rows == BLOCK_ROWS_MAX
        with pytest.raises(OperatorError, match=rf"torn\.parquet, row {BLOCK_ROWS_MAX + 1}: "):
            next(blocks)


def test_texts_of_views_can_be_left_out_by_the_mapping(tmp_path: Path) -> None:
    table = replaced("quality_flag", TABLE["quality_flag"].cast(pa.string_view()))
    mapping = meter_mapping(fields=OWN_FIELDS, only={"quality_flag": ["A"]})
    assert read_file(parquet(tmp_path, table), mapping).places == [1, 4]
