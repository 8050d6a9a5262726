"""The engine: what a mapping may read, how it ends, in which order its rows come."""

import resource
import threading
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from tests.unit.files.mapping.mapping_rig import HEAD, PLAIN, rows_of, selected, written

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.mapping.data_bound import DataBound
from utility_ts_analytics.files.mapping.macros import all_macros, macros_of
from utility_ts_analytics.files.pieces import ErrorBudget

OTHER_FILES = (
    "FROM read_csv('/etc/passwd')",
    "FROM read_text('/etc/passwd')",
    "FROM read_text([$path, '/etc/passwd'])",
    "FROM read_text($path || '/../other.csv')",
    "FROM glob('/etc/*')",
    "FROM '../other.csv'",
    "FROM parquet_metadata('/etc/passwd')",
)


@pytest.mark.parametrize("sql", OTHER_FILES)
def test_other_files_are_not_read(sql: str, tmp_path: Path) -> None:
    written(tmp_path, name="other.csv")
    with pytest.raises(OperatorError, match=r"f.csv by the mapping: .*reads \$path and nothing"):
        rows_of(sql, written(tmp_path))


def test_file_itself_is_read_by_functions_of_duckdb_too(tmp_path: Path) -> None:
    path = written(tmp_path, name="it's.csv")
    assert [row["kwh"] for row in rows_of("FROM read_csv($path)", path)] == [1, 2]
    [row] = rows_of("SELECT name_of($path) AS name, size FROM read_text($path)", path)
    assert row == {"name": "it's", "size": path.stat().st_size}


def test_objects_of_python_are_no_tables(tmp_path: Path) -> None:
    local = pa.table({"a": [1]})
    for sql in ("FROM local", "FROM query_table('local')", "FROM sys", "FROM records_1"):
        with pytest.raises(OperatorError, match="does not exist"):
            rows_of(sql, written(tmp_path))
    assert local.num_rows == 1


NEVER_ENDING = (
    "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT n AS rec FROM t",
    "SELECT range AS rec FROM range(1000000000000000) WHERE range < 0",
    "SELECT sum(range) AS rec FROM range(1000000000000000)",
    "SELECT c.rec FROM csv($path) c, range(1000000000000000) WHERE range < 0",
)


@pytest.mark.parametrize("sql", NEVER_ENDING)
def test_mapping_that_never_ends_is_interrupted(sql: str, tmp_path: Path) -> None:
    selection = selected(sql, written(tmp_path))
    timer = threading.Timer(0.2, selection.interrupt)
    timer.start()
    with pytest.raises(OperatorError, match=r"f\.csv: interrupted"):
        for _ in selection.batches():
            pass
    timer.join()
    selection.close()


def test_interrupt_before_the_first_row_holds(tmp_path: Path) -> None:
    selection = selected(NEVER_ENDING[1], written(tmp_path))
    selection.interrupt()
    with pytest.raises(OperatorError, match="interrupted"):
        list(selection.batches())
    selection.close()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT rec, repeat(kwh, 4000000000) AS a FROM csv($path)",
        "SELECT rec FROM csv($path) WHERE len(range(rec * 100000000)) > 5",
    ],
)
def test_texts_of_a_billion_characters_end_with_a_sentence(sql: str, tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA)
    path = written(tmp_path)
    with pytest.raises(OperatorError, match="what the mapping makes of the file is too large"):
        rows_of(sql, path)
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
    assert len(rows_of(PLAIN, path)) == 2
    threads = [threading.Thread(target=int) for _ in range(4)]
    for thread in threads:
        thread.start()
        thread.join()


def test_bound_on_memory_stands_while_any_mapping_is_open() -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA)
    bound, again = DataBound(), None
    with bound:
        inner = resource.getrlimit(resource.RLIMIT_DATA)
        bound.__enter__()
        again = resource.getrlimit(resource.RLIMIT_DATA)
    # The first is closed, the second not yet.
    assert resource.getrlimit(resource.RLIMIT_DATA) == again == inner != before
    bound.__exit__()
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


@pytest.mark.parametrize(
    ("sql", "text", "said"),
    [
        (
            "SELECT Load FROM csv($path)",
            "Lod,x y\n1,2\n",
            'bindings: "Lod".*the file has "Lod", "x y"',
        ),
        ("SELECT kwh FROM csv($path)", "ts;kwh\n1;2\n", r"csv\(\$path, sep := ';'\)"),
        ("SELECT a FROM csv($path)", ",".join(f"c{n}" for n in range(999)), '"c49" and 949 more'),
        ("SELECT utcc('UTC', ts) FROM csv($path)", HEAD, 'Did you mean "utc"'),
        ("SELECT utc('Europe/Berlinn', ts) FROM csv($path)", f"{HEAD}a,b,1\n", '"Europe/Berlin"'),
        ("SELECT kwh::DOUBLE AS a FROM csv($path)", f"{HEAD}a,b,n/a\n", "n/a.*TRY_CAST give NULL"),
        ("SELECT wall(ts, '%z') FROM csv($path)", f"{HEAD}a,b,1\n", "use instant()"),
        (PLAIN, "", "f.csv: it is empty"),
        (f"-- encoding: latin-999\n{PLAIN}", HEAD, "there is no encoding 'latin-999'"),
        ("SELECT '{}'::JSON AS kwh FROM csv($path)", HEAD, "kwh is JSON: .*->>"),
    ],
)
def test_what_does_not_fit_is_told_with_what_is_there(
    sql: str, text: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(OperatorError, match=said) as caught:
        rows_of(sql, written(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_header_alone_has_no_rows(tmp_path: Path) -> None:
    assert rows_of(PLAIN, written(tmp_path, HEAD)) == []
    assert rows_of(PLAIN, written(tmp_path, HEAD.strip())) == []


def test_columns_are_read_whatever_they_are_called(tmp_path: Path) -> None:
    """Which columns are asked for is read from the plan, where a line end parts a name in two."""
    names = ["a\nb", 'a"b', "a,b", "ä€😀", "x" * 300, "[1]", "a\r\nb", "a\\nb", "select", "REC"]
    head = ",".join('"' + name.replace('"', '""') + '"' for name in names)
    cells = ",".join(f"v{index}" for index in range(len(names)))
    path = written(tmp_path, f"{head}\n{cells}\n")
    assert list(rows_of("SELECT * EXCLUDE rec FROM csv($path)", path)[0].values()) == cells.split(
        ","
    )
    selection = selected("FROM csv($path)", path)
    there = selection.schema.names[1:]
    selection.close()
    for index, name in enumerate(there[:8]):
        quoted = '"' + name.replace('"', '""') + '"'
        assert rows_of(f"SELECT {quoted} AS v FROM csv($path)", path) == [{"v": f"v{index}"}]
        found = rows_of(f"SELECT rec FROM csv($path) WHERE {quoted} = 'v{index}'", path)
        assert found == [{"rec": 1}]


@pytest.mark.parametrize(
    ("expression", "kind", "value"),
    [
        ("1.5::DECIMAL(38, 18) AS kwh", pa.float64(), 1.5),
        ("1::DECIMAL(38, 0) AS meter_id", pa.string(), "1"),
        ("170141183460469231731687303715884105727 AS meter_id", pa.string(), str(2**127 - 1)),
        (f"{2**128 - 1}::UHUGEINT AS meter_id", pa.string(), str(2**128 - 1)),
        ("'a'::ENUM('a', 'b') AS quality_flag", pa.string(), "a"),
        ("rec::HUGEINT AS rec", pa.int64(), 1),
        ("rec::DECIMAL(18, 0) AS rec", pa.int64(), 1),
        ("5 AS kwh_text", pa.string(), "5"),
        ("to_json(c.kwh) AS raw", pa.string(), '"1"'),
        ("c AS raw", pa.string(), None),
        ("'2024-01-01 00:00:00Z'::TIMESTAMPTZ IS NULL AS a", pa.bool_(), False),
    ],
)
def test_types_that_lose_nothing(
    expression: str, kind: pa.DataType, value: object, tmp_path: Path
) -> None:
    sql = f"SELECT {expression} FROM csv($path) AS c"
    path = written(tmp_path)
    selection = selected(sql, path)
    assert selection.schema.types == [kind]
    assert next(selection.batches()).schema.types == [kind]
    selection.close()
    assert next(iter(rows_of(sql, path)[0].values())) == value


@pytest.fixture(scope="module")
def long_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lines = [
        f"2024-01-01T00:00:00Z,m{n % 997},{n % 10},{n},{'' if n % 3 else n}\n"
        for n in range(200_000)
    ]
    return written(tmp_path_factory.mktemp("order"), "ts,meter_id,kwh,a,b\n" + "".join(lines))


STREAMING = (
    "SELECT rec, a FROM csv($path) WHERE rec % 3 = 0",
    "SELECT rec, unnest([a, b]) FROM csv($path)",
    "UNPIVOT (SELECT rec, a, b, kwh FROM csv($path)) ON a, b, kwh",
    "SELECT rec, u FROM csv($path) AS c, LATERAL (SELECT c.a || 'x' AS u)",
    "SELECT rec, lag(a) OVER () FROM csv($path)",
    "SELECT rec, last_value(b IGNORE NULLS) OVER (ROWS UNBOUNDED PRECEDING) FROM csv($path)",
    "WITH c AS (FROM csv($path)) SELECT rec, list_transform([a], lambda x: x || 'q') FROM c",
    "SELECT rec, sha256(a) FROM csv($path) WHERE rec % 16384 > 16380 OR sha256(a) < '8'",
    "SELECT rec FROM csv($path) WHERE meter_id IN ('m1','m2','m3','m4','m5','m6','m7','m8','m9')",
)
SORTED = (
    "SELECT rec, u FROM csv($path) AS c, LATERAL (SELECT unnest([c.a, c.b]) AS u)",
    "SELECT DISTINCT rec, a FROM csv($path)",
    "SELECT rec, lag(a) OVER (PARTITION BY meter_id ORDER BY rec) FROM csv($path)",
    "SELECT rec, (SELECT max(a) FROM csv($path)) FROM csv($path)",
    "SELECT rec FROM csv($path) UNION ALL SELECT rec FROM csv($path)",
    "SELECT rec, x FROM csv($path) LEFT JOIN (VALUES ('m1', 1)) AS t(meter_id, x) USING (meter_id)",
    "WITH c AS MATERIALIZED (FROM csv($path)) SELECT rec, a FROM c",
    "SELECT rec, a FROM csv($path) ORDER BY rec",
    "WITH s AS (SELECT rec, meter_id AS key, '2024-10-27 02:30'::TIMESTAMP AS local"
    " FROM csv($path)) SELECT rec, ts FROM by_order(s, 'Europe/Berlin')",
)


@pytest.mark.parametrize("sql", [*STREAMING, *SORTED])
def test_rows_come_in_order_where_the_plan_says_so(sql: str, long_file: Path) -> None:
    selection = selected(sql, long_file)
    assert selection.keeps_order == (sql in STREAMING)
    last = 0
    for batch in selection.batches():
        recs = batch.column("rec").to_numpy()
        assert recs[0] >= last
        assert (np.diff(recs) >= 0).all()
        last = int(recs[-1])
    assert last > 190_000
    selection.close()


def test_order_that_a_mapping_wants_is_left(long_file: Path) -> None:
    selection = selected("SELECT rec FROM csv($path) ORDER BY rec DESC", long_file)
    assert not selection.keeps_order
    assert next(selection.batches()).column("rec")[0].as_py() == 200_000
    selection.close()


BAD = HEAD + "".join(f"2024-01-01T00:00:00Z,{n}\n" for n in range(20_000))


@pytest.mark.parametrize("order", ["", " ORDER BY ts"])
def test_bad_records_wait_in_order_whatever_their_number(order: str, tmp_path: Path) -> None:
    selection = selected(PLAIN + order, written(tmp_path, BAD))
    assert list(selection.batches()) == []
    assert (selection.records, selection.refused_count) == (20_000, 20_000)
    assert [one.rec for one in selection.take_refused(3)] == [1, 2, 3]
    assert not selection.refused_waiting(3)
    found = []
    while selection.refused_waiting(None):
        taken = selection.take_refused(None)
        assert len(taken) <= 4_096
        found += [one.rec for one in taken]
    assert found == list(range(4, 20_001))
    selection.close()


def test_budget_of_refused_records_stops_the_scan(tmp_path: Path) -> None:
    selection = selected(f"{PLAIN} ORDER BY ts", written(tmp_path, BAD))
    selection.budget = ErrorBudget(10)
    with pytest.raises(OperatorError, match="more than 10 records are refused"):
        list(selection.batches())
    selection.close()


def test_nothing_is_left_in_the_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    selection = selected(f"{PLAIN} ORDER BY ts", written(tmp_path, BAD))
    assert list(folder.iterdir())
    list(selection.batches())
    selection.close()
    selection.close()
    with pytest.raises(OperatorError):
        rows_of("SELECT nothing FROM csv($path)", written(tmp_path))
    assert list(folder.iterdir()) == []


def test_macros_are_those_that_a_mapping_names() -> None:
    needed = macros_of("SELECT num(kwh), 'utc' FROM by_order(s, 'Europe/Berlin')")
    assert "CREATE MACRO num(" in needed
    assert "CREATE MACRO by_order(" in needed
    assert "CREATE MACRO _passes(" in needed
    assert "CREATE MACRO differences(" not in needed
    assert macros_of("SELECT 1") == ""
    assert all_macros().count("CREATE OR REPLACE MACRO") > 50


def test_macro_that_only_a_text_names_is_found(tmp_path: Path) -> None:
    found = rows_of("SELECT n FROM query('SELECT nu' || 'm(''1'')::INT AS n')", written(tmp_path))
    assert found == [{"n": 1}]
