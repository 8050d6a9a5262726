"""The columns of a mapping: judged before the first row, then read row by row."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.files.mapping.mapping_rig import HEAD, SPEC, TWO, OfOneFile, mapped, written

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.mapping.engine import Selection
from utility_ts_analytics.files.mapping.output import Output, lost_value
from utility_ts_analytics.files.mapping.statement import parse_statement
from utility_ts_analytics.files.pieces import Refused
from utility_ts_analytics.files.tables.file_bytes import FileBytes

GOOD = {"ts": "ts", "meter_id": "meter_id", "kwh": "kwh"}


def sql_of(**columns: str) -> str:
    """Return a mapping of the usual columns, with some of them made in another way."""
    columns = {"rec": "rec", **GOOD, **columns}
    selected = ", ".join(f"{expression} AS {name}" for name, expression in columns.items())
    return f"SELECT {selected} FROM csv($path) AS c"


def read(folder: Path, text: str = TWO, **columns: str) -> tuple[list[Any], list[Refused]]:
    """Return the readings and the refused records."""
    rows: list[Any] = []
    refused: list[Refused] = []
    with mapped(sql_of(**columns), written(folder, text)) as file:
        for piece in file:
            assert isinstance(piece._rows, pa.RecordBatch)
            rows += piece._rows.to_pylist()
            refused += piece.refused
    return rows, refused


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"ts": "ts::TIMESTAMP"}, r"ts has no zone: utc\('Europe/Berlin', ts\), or utc_fixed"),
        ({"ts": "ts::TIMESTAMP_NS"}, "ts has no zone"),
        ({"ts": "ts::DATE"}, "ts is a date: utc"),
        ({"ts": "5"}, r"ts must be a time, is int32 \(epoch_s\(\), epoch_millis\(\)"),
        ({"meter_id": "5.4e17"}, "meter_id is double: two ids may have become one"),
        ({"meter_id": "1.5::DECIMAL(5, 1)"}, "two ids may have become one"),
        ({"meter_id": "true"}, "meter_id must be a text, is bool"),
        ({"meter_id": "'a'::BLOB"}, "meter_id must be a text, is binary"),
        ({"kwh": "true"}, "kwh must be a number, is bool"),
        ({"kwh": "[1]"}, "kwh must be a number, is list"),
        ({"refuse": "5"}, "refuse must be a text, is int32"),
        ({"raw": "5"}, "raw must be a text, is int32"),
        ({"rec": "rec::TEXT"}, "rec must be a whole number, is string"),
        ({"rec": "rec::DOUBLE"}, "rec must be a whole number, is double"),
        ({"kwhh": "1", "foo": "2"}, 'column "kwhh", .*is "kwh" meant.*column "foo", which meter'),
        ({"kwh": "1 AS KWH, 2"}, "it gives kwh twice"),
        ({"kwh": '1 AS "Usage (kWh) ", 2'}, 'it gives a column "Usage .kWh. "'),
    ],
)
def test_columns_are_judged_before_the_first_row(
    columns: dict[str, str], said: str, tmp_path: Path
) -> None:
    with pytest.raises(OperatorError, match=f"cannot read .* by the mapping: .*{said}") as caught:
        read(tmp_path, **columns)
    assert "\n" not in str(caught.value)


def test_missing_columns_are_told_with_what_is_there_and_wanted() -> None:
    schema = pa.schema([("rec", pa.int64()), (" kwH", pa.string()), ("ts", pa.string())])
    with pytest.raises(OperatorError) as caught:
        Output.of_file(schema, SPEC, "a.csv")
    assert str(caught.value) == (
        'cannot read a.csv: kwh and meter_id are missing; there is " kwH", "ts" (is " kwH" meant?);'
        " wanted are ts, event_id, meter_id, kwh, premise_id, kvarh, kva_demand, quality_flag,"
        " source_system; docs/MAPPINGS.md has mappings by what files look like"
    )
    many = pa.schema([(f"c{index}", pa.string()) for index in range(5_000)])
    with pytest.raises(OperatorError, match='"c49" and 4,950 more; wanted') as caught:
        Output.of_file(many, SPEC, "a.csv")
    with pytest.raises(OperatorError, match="there is nothing; wanted"):
        Output.of_file(pa.schema([("rec", pa.int64())]), SPEC, "a.csv")


@pytest.mark.parametrize(
    ("head", "sign"), [("ts;kwh", "';'"), ("ts\tkwh", r"'\t'"), ("ts|kwh", "'|'")]
)
def test_separator_of_a_file_that_came_as_one_column_is_told(head: str, sign: str) -> None:
    with pytest.raises(OperatorError) as caught:
        Output.of_file(pa.schema([(head, pa.string())]), SPEC, "a.csv")
    assert f"a mapping reads csv($path, sep := {sign})); wanted" in str(caught.value)


@pytest.mark.parametrize(
    ("head", "mapping"),
    [
        ("ts;meter_id;kwh", "SELECT rec, ts, meter_id, kwh FROM csv($path, sep := ';')"),
        (
            'kwh|"ts"|"meter_id"|kvarh|x',
            "SELECT rec, ts, meter_id, kwh, kvarh FROM csv($path, sep := '|')",
        ),
    ],
)
def test_mapping_of_a_file_with_the_fields_and_another_separator_is_told(
    head: str, mapping: str
) -> None:
    with pytest.raises(OperatorError) as caught:
        Output.of_file(pa.schema([(head, pa.string())]), SPEC, "a.csv")
    assert f"the mapping `{mapping}` reads them); wanted are" in str(caught.value)
    assert "meant?" not in str(caught.value)
    assert str(caught.value).endswith("source_system")


def test_letter_case_of_the_columns_of_a_file_counts() -> None:
    schema = pa.schema([(name, pa.string()) for name in ("TS", "Meter_ID", "KWH")])
    with pytest.raises(OperatorError) as caught:
        Output.of_file(schema, SPEC, "a.csv")
    assert str(caught.value).count("letter case counts: rename them") == 1
    assert "meant?" not in str(caught.value)


@pytest.mark.parametrize(
    ("sql", "text", "said"),
    [
        ("SELECT Load FROM csv($path)", "Name,AN EXAMPLE\na,b\n", "skip := n leaves them out)"),
        ("SELECT Load FROM csv($path)", "a,b,c\n1,2,3\n", "(is the mapping for another file?)"),
        ("SELECT Load FROM csv($path)", "a;b\n1;2\n", "sep := ';'))"),
        ("SELECT Load FROM csv($path, sep := ';')", "a,b,c\n1,2,3\n", "sep := ','))"),
        (
            "SELECT Load FROM csv($path, sep := ';')",
            "On Monday, 1 day\n",
            "skip := n leaves them out)",
        ),
        ("SELECT Load FROM ndjson($path)", "{}\n", 'the file has "j"'),
        ("SELECT loud(a) FROM csv($path)", "a,b,c\n1,2,3\n", 'the file has "a", "b", "c"'),
    ],
)
def test_column_that_a_file_has_not_is_told_with_what_may_be_wrong(
    sql: str, text: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(OperatorError) as caught:
        mapped(sql, written(tmp_path, text))
    assert str(caught.value).endswith(said)


def test_further_columns_of_a_file_are_ignored_and_those_of_a_mapping_are_not() -> None:
    names = [*GOOD, "other", "KWH"]
    schema = pa.schema([(name, pa.string()) for name in names])
    assert Output.of_file(schema, SPEC, "a.csv").schema.names == list(GOOD)
    with pytest.raises(OperatorError, match=r"other.*it gives kwh twice"):
        Output.of_mapping(schema, SPEC, "a.csv")


NUMBER = "kwh must be a decimal number (num() reads blanks, commas and thousands)"
OFFSET = "ts must have an offset (utc('Europe/Berlin', wall(ts, ...)) gives one)"
TIME = "ts must be an RFC 3339 time with an offset (instant(), wall() read other forms)"
LOST = "the mapping gives no kwh for this: it cannot be read so"
RANGE = "ts must be from 2000-01-01 up to, not including, 2100-01-01"
FITS = "kwh must fit a 64-bit float"


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"kwh": "' 1'"}, ("invalid-number", "kwh", NUMBER, " 1")),
        ({"kwh": "'nan'"}, ("invalid-number", "kwh", NUMBER, "nan")),
        ({"kwh": "'1' || repeat('0', 400)"}, ("invalid-number", "kwh", FITS, "inf")),
        ({"kwh": "'infinity'::DOUBLE"}, ("invalid-number", "kwh", FITS, "inf")),
        ({"kwh": "'nan'::DOUBLE"}, ("invalid-number", "kwh", "kwh must not be NaN", "nan")),
        ({"kwh": "NULL"}, ("missing-field", "kwh", "kwh is required", None)),
        ({"kwh": "NULL", "kwh_text": "' n/a'"}, ("invalid-number", "kwh", LOST, " n/a")),
        ({"kwh": "NULL", "kwh_text": "'  '"}, ("missing-field", "kwh", "kwh is required", None)),
        ({"kwh": "NULL", "kwh_text": "NULL"}, ("missing-field", "kwh", "kwh is required", None)),
        ({"kwh": "TRY_CAST(meter_id AS INT)"}, ("invalid-number", "kwh", LOST, "meter_id a")),
        ({"ts": "'2024-01-01 00:00'"}, ("invalid-timestamp", "ts", OFFSET, "2024-01-01 00:00")),
        ({"ts": "'yesterday'"}, ("invalid-timestamp", "ts", TIME, "yesterday")),
        ({"ts": "repeat('9', 999)"}, ("invalid-timestamp", "ts", TIME, "9" * 256)),
        (
            {"ts": "'1999-12-31 23:59Z'::TIMESTAMPTZ"},
            ("timestamp-out-of-range", "ts", RANGE, "1999-12-31 23:59:00.000000Z"),
        ),
        (
            {"ts": "'0001-01-01T00:00:00+01:00'"},
            ("timestamp-out-of-range", "ts", RANGE, "0000-12-31 23:00:00.000000Z"),
        ),
        (
            {"ts": "'2100-01-01 00:00Z'::TIMESTAMPTZ"},
            ("timestamp-out-of-range", "ts", RANGE, "2100-01-01 00:00:00.000000Z"),
        ),
        (
            {"meter_id": "'a' || chr(0)"},
            ("forbidden-character", "meter_id", "text must not hold U+0000", "a\0"),
        ),
        (
            {"meter_id": "repeat('x', 257)"},
            ("text-length", "meter_id", "meter_id must not be over 256 characters", "x" * 256),
        ),
        ({"refuse": "'no good'"}, ("wrong-type", None, "no good", None)),
        ({"kwh": "'x'", "ts": "NULL", "refuse": "'no'"}, ("wrong-type", None, "no", None)),
        ({"kwh": "-1", "refuse": "''"}, ("negative-value", "kwh", "", "-1.0")),
        ({"ts": "'x'", "kwh": "'y'"}, ("invalid-timestamp", "ts", TIME, "x")),
    ],
)
def test_row_that_is_no_reading_says_why_once(
    columns: dict[str, str], expected: tuple[str, ...], tmp_path: Path
) -> None:
    rows, refused = read(tmp_path, **columns)
    assert rows == []
    assert [one.rec for one in refused] == [1, 2]
    one = refused[0]
    quoted = expected[3] or one.text.decode().rstrip()  # the record, where no cell is at fault
    assert (one.code, one.field, one.cell) == (expected[0], expected[1], quoted)
    assert one.detail.startswith(expected[2])
    assert (one.line, one.text) == (2, TWO.splitlines(keepends=True)[1].encode())


@pytest.mark.parametrize(
    "far", ["infinity", "-infinity", "290000-01-01 00:00Z", "10000-01-01 00:00Z"]
)
def test_times_beyond_those_of_python_are_refused(far: str, tmp_path: Path) -> None:
    rows, refused = read(tmp_path, ts=f"'{far}'::TIMESTAMPTZ")
    assert rows == []
    assert {one.code for one in refused} == {"timestamp-out-of-range"}
    assert all(one.cell for one in refused)


def test_each_row_has_the_sentence_that_fits_it(tmp_path: Path) -> None:
    lines = ["2024-01-01T00:00:00Z,a,1", "2024-01-01 00:00,a,1", "1.1.2024,a,1", ",a,1"]
    _, refused = read(tmp_path, HEAD + "\n".join(lines) + "\n")
    assert [one.detail for one in refused] == [OFFSET, TIME, "ts is required"]


def test_record_is_quoted_as_the_mapping_gives_it_or_as_it_stands(tmp_path: Path) -> None:
    _, refused = read(tmp_path, kwh="-1", raw="CASE WHEN rec = 1 THEN 'as ' || meter_id END")
    assert [one.text for one in refused] == [b"as a\n", b"2024-01-01T00:15:00Z,b,2\n"]
    _, refused = read(tmp_path, kwh="-1", raw="c")
    assert refused[0].text == b"2024-01-01T00:00:00Z,a,1\n"


@pytest.mark.parametrize(
    ("columns", "value"),
    [
        ({"kwh": "5::HUGEINT"}, 5.0),
        ({"kwh": "5::UTINYINT"}, 5.0),
        ({"kwh": "0.1::FLOAT"}, pytest.approx(0.1)),
        ({"kwh": "'1e2'"}, 100.0),
        ({"kwh": "5", "kvarh_text": "'x'"}, 5.0),
        ({"kwh": "5", "refuse": "NULL"}, 5.0),
    ],
)
def test_numbers_of_any_type(columns: dict[str, str], value: float, tmp_path: Path) -> None:
    rows, refused = read(tmp_path, **columns)
    assert refused == []
    assert [row["kwh"] for row in rows] == [value, value]


def test_ids_of_any_exact_type(tmp_path: Path) -> None:
    uuid = "123e4567-e89b-12d3-a456-426614174000"
    rows, _ = read(tmp_path, meter_id="12345678901234567890::UBIGINT", event_id=f"'{uuid}'::UUID")
    assert (rows[0]["meter_id"], rows[0]["event_id"]) == ("12345678901234567890", uuid)


@given(
    st.lists(st.decimals(-(10**19), 10**19, places=18, allow_nan=False), min_size=1, max_size=20)
)
@settings(max_examples=40, deadline=None)
def test_decimals_are_the_nearest_floats(numbers: list[Decimal]) -> None:
    texts = [format(one, "f") for one in numbers]
    row = ", ".join(f"({index + 1}, {text}::DECIMAL(38, 18))" for index, text in enumerate(texts))
    statement = parse_statement(f"SELECT rec, kwh FROM (VALUES {row}) AS t(rec, kwh) ORDER BY rec")
    selection = Selection(OfOneFile(statement), FileBytes(Path("none")), 1_000)
    found = [kwh for batch in selection.batches() for kwh in batch.column("kwh").to_pylist()]
    selection.close()
    assert found == [float(Decimal(text)) for text in texts]
    column = pa.array([Decimal(text) for text in texts], pa.decimal128(38, 18))
    schema = pa.schema([("ts", pa.string()), ("meter_id", pa.string()), ("kwh", column.type)])
    nothing = pa.nulls(len(texts), pa.string())
    batch = pa.RecordBatch.from_arrays([nothing, nothing, column], schema=schema)
    readings = Output.of_file(schema, SPEC, "a").readings(batch)
    assert readings.columns.column("kwh").to_pylist() == found


def test_lost_values_have_the_code_of_their_kind() -> None:
    assert lost_value("kwh", SPEC)[0] == "invalid-number"
    assert lost_value("meter_id", SPEC)[0] == "missing-field"
    code, sentence = lost_value("ts", SPEC)
    assert code == "invalid-timestamp"
    assert "utc_pass(), by_order()" in sentence
