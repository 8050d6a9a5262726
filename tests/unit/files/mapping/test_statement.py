"""A mapping as it is written: what is taken for one, and what is said of the rest."""

from pathlib import Path

import pytest
from tests.unit.files.mapping.mapping_rig import PLAIN, rows_of, written

from utility_ts_analytics.errors import ConfigError
from utility_ts_analytics.files.mapping.statement import (
    load_statement,
    parse_statement,
    source_columns,
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must be one SELECT, and has 0 statements"),
        ("-- nothing but a comment", "has 0 statements"),
        ("SELECT 1; SELECT 2", "has 2 statements"),
        ("INSERT INTO t VALUES (1)", "must be a SELECT, and is INSERT"),
        ("COPY (SELECT 1) TO 'x.csv'", "is COPY"),
        ("ATTACH 'x.db'", "is ATTACH"),
        ("PRAGMA version", "is PRAGMA"),
        ("SET threads = 1", "is SET"),
        ("INSTALL httpfs", "is LOAD"),
        (f"EXPLAIN {PLAIN}", "is EXPLAIN"),
        ("CALL pragma_version()", "is CALL"),
        ("PIVOT csv($path) ON a USING first(b)", r"ON x IN \('a', 'b'\)"),
        ("SELEC 1", "syntax error"),
        ("SELECT $1", r"asks for \$1: only \$path is known"),
        ("SELECT $folder, $file", r"asks for \$file, \$folder"),
        ("FROM csv($path", "a parenthesis is not closed"),
        (
            f"SELECT {' + '.join(['num(kwh)'] * 500)} FROM csv($path)",
            "nested too deeply: take a sum",
        ),
        (f"SELECT {'-(' * 400}kwh{')' * 400} FROM csv($path)", "nested too deeply"),
        (f"FROM {'(FROM ' * 450}csv($path){')' * 450}", "nested too deeply|depth limit"),
    ],
)
def test_what_is_no_mapping_is_told(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_statement(text)


@pytest.mark.parametrize(
    "text",
    [
        f"{PLAIN};",
        f"{PLAIN} ;; ",
        f"{PLAIN}; -- and no more",
        f"{PLAIN} -- ;",
        f"/* FROM csv('no') */ {PLAIN}",
        f"-- Zähler: csv($path, sep := 'no')\n{PLAIN}",
        "SELECT rec, ts, meter_id, kwh FROM /* ä */ csv /* b */ ( /* c, */ $path /* ) */ )",
        'SELECT rec, ts, meter_id, kwh FROM "csv"($path)',
        "SELECT\u00a0rec, ts,\u3000meter_id, kwh\u2009FROM\u00a0csv\u202f(\u00a0$path\u200b)\u00a0",
        "SELECT rec, csv.ts, meter_id, kwh FROM CSV($path)",
        "SELECT c.rec, ts, meter_id, kwh FROM csv($path) c",
        "SELECT data.rec, ts, meter_id, kwh FROM csv($path) data",
        "SELECT r AS rec, t AS ts, meter_id, kwh FROM csv($path) AS c(r, t)",
        "FROM csv($path) SELECT rec, ts, meter_id, kwh",
        "FROM csv($path) SELECT rec, ts, meter_id, kwh WHERE 'csv($path)' = $$csv($path)$$",
        "WITH csv AS (FROM csv($path)) SELECT rec, ts, meter_id, kwh FROM csv",
        "WITH one AS (SELECT 1 AS x), csv(a) AS (SELECT 1) "
        "SELECT rec, ts, meter_id, kwh FROM one, csv($path)",
        "WITH a AS (FROM csv($path))"
        " SELECT rec, a.ts, a.meter_id, a.kwh FROM a JOIN a AS b USING (rec)",
        "SELECT c.rec, ts, meter_id, kwh FROM csv($path) c JOIN lines($path) l ON l.rec > c.rec"
        " WHERE l.rec = c.rec + 1",
        "SELECT rec, ts, meter_id, kwh FROM csv(path := $path)",
        "SELECT rec, ts, meter_id, kwh FROM csv($path, ',', true)",
        "SELECT rec, ts, meter_id, kwh FROM csv($path, \"sep\" => ',', SKIP := 1 - 1)",
        "SELECT rec, ts, meter_id, value AS kwh FROM (UNPIVOT csv($path) ON kwh)",
        "SELECT rec, ts, meter_id, v AS kwh FROM csv($path) UNPIVOT (v FOR n IN (kwh))",
    ],
)
def test_same_rows_however_it_is_written(text: str, tmp_path: Path) -> None:
    path = written(tmp_path)
    found = sorted(rows_of(text, path), key=lambda row: int(row["rec"]))
    assert [list(row.values()) for row in found] == [
        [1, "2024-01-01T00:00:00Z", "a", "1"],
        [2, "2024-01-01T00:15:00Z", "b", "2"],
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("", "first argument must be \\$path: other files are not read"),
        ("'/etc/passwd'", "first argument must be"),
        ("$other", "first argument must be"),
        ("$path, foo := 1", "there is no argument foo"),
        ("$path, sep := ';', sep := ','", "sep is given twice"),
        ("$path, ';', sep := ','", "sep is given twice"),
        ("$path, ',', true, 0, 'utf-8', '', false, true, 5", "too many arguments"),
        ("$path, sep := 1", "sep must be a text, is 1"),
        ("$path, sep := NULL", "sep must be a text, is NULL"),
        ("$path, skip := true", "skip must be a whole number, is True"),
        ("$path, skip := '1'", "skip must be a whole number, is '1'"),
        ("$path, header := 1", "header must be true or false, is 1"),
        ("$path, skip := (SELECT 1)", "skip must be a constant, not a query"),
        ("$path, skip := other", "skip must be a constant: .*other"),
        ("$path, sep = ';'", "sep must be a constant"),
        ("$path, skip := 0; CALL enable_logging()", "skip must be a constant: syntax error"),
        ("$path, skip := 0; SET threads = 1", "skip must be a constant: syntax error"),
        ("$path, sep := repeat('x', 2000000000)", "constant: repeat is not computed here"),
        ("$path, skip := list_sum(range(1000000000))", "list_sum is not computed here"),
        ("$path, skip := getenv('HOME')", "getenv is not computed here"),
        ("$path, skip := $path", "constant: .*is not computed here"),
        ("$path, skip := NULL::INT[100000][100000]", "constant: .*is not computed here"),
        ("$path, skip := 1, 2 AS x", "constant: syntax error"),
        ("$path, skip := [1]", "list_value is not computed here"),
        ("$path, skip := chr('a' || 1)", "skip must be a constant"),
        (f"$path, skip := {'-(' * 330}x{')' * 330}", "it is nested too deeply"),
        (f"$path, skip := 1{' - 1' * 500}", "of 1000 characters at most"),
    ],
)
def test_wrong_arguments_are_told_with_those_there_are(arguments: str, said: str) -> None:
    with pytest.raises(ValueError, match=rf"csv\(path, sep, header, .*{said}"):
        parse_statement(f"FROM csv({arguments})")


def test_arguments_are_those_that_were_given() -> None:
    [call] = parse_statement("FROM csv($path, sep := '\\t', quote := '''', skip := 2)").calls
    assert call.function.name == "csv"
    assert {name: call.arguments[name] for name in ("sep", "quote", "skip", "strict")} == {
        "sep": "\t",
        "quote": "'",
        "skip": 2,
        "strict": True,
    }
    for sep in (
        "chr(9)",
        "'' || CHR(8 + 1)",
        "'\t'::VARCHAR",
        "e'\\t'",
        "$$\t$$",
        "(chr(9)) -- tab\n",
    ):
        [call] = parse_statement(f"FROM csv($path, sep := {sep})").calls
        assert call.arguments["sep"] == "\t"
    [call] = parse_statement("FROM workbook($path, sheet := NULL)").calls
    assert call.arguments["sheet"] is None


def test_tables_are_told_in_the_order_of_the_text() -> None:
    text = (
        "SELECT 'ä€😀', $path FROM lines($path) AS l, csv($path, skip := 1) AS c -- ndjson($path)"
    )
    statement = parse_statement(text)
    assert [call.function.name for call in statement.calls] == ["lines", "csv"]
    assert statement.text == text
    assert statement.reads_path
    assert not parse_statement("SELECT name_of($path) FROM csv($path)").reads_path


def test_path_is_quoted_and_its_name_is_that_of_the_member() -> None:
    statement = parse_statement("SELECT '$path', $path, name_of($path), name_of(path := $PATH)")
    assert statement.for_path("/a/it's", "z.zip/m.csv") == (
        "SELECT '$path', '/a/it''s', name_of('z.zip/m.csv'), name_of(path := 'z.zip/m.csv')"
    )


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (f"-- encoding: windows-1252\n{PLAIN}", "windows-1252"),
        (f"-- A comment.\n\n--   ENCODING:  cp932  \n{PLAIN}", "cp932"),
        (f"{PLAIN}\n-- encoding: utf-16", None),
        (f"-- the encoding: utf-16 is not meant\n{PLAIN}", None),
        (PLAIN, None),
    ],
)
def test_encoding_stands_in_the_comments_on_top(text: str, encoding: str | None) -> None:
    assert parse_statement(text).encoding == encoding


@pytest.mark.parametrize(
    ("selected", "made_of"),
    [
        ('num("Load") AS kwh', {"kwh": ["Load"]}),
        ('c."Load" AS KWH, Meter AS meter_id', {"kwh": ["Load"], "meter_id": ["Meter"]}),
        ("load", {"load": ["Load"]}),
        ("meter || load AS meter_id", {"meter_id": ["Meter", "Load"]}),
        ("5 AS kwh, other AS kvarh, rec", {"kwh": [], "kvarh": [], "rec": []}),
    ],
)
def test_columns_that_a_field_is_made_of(selected: str, made_of: dict[str, list[str]]) -> None:
    statement = parse_statement(f"SELECT {selected} FROM csv($path) AS c")
    assert source_columns(statement, ["rec", "Meter", "Load"]) == made_of


def test_mapping_that_is_in_the_gallery_of_the_folder_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mappings").mkdir()
    Path("mappings/datadis.sql").write_text(PLAIN, "utf-8")
    with pytest.raises(ConfigError, match=r"No such file.*; there is mappings/datadis\.sql$"):
        load_statement(Path("datadis.sql"))
    for other in ("mappings/other.sql", "other.sql"):
        with pytest.raises(ConfigError, match=r"No such file or directory$"):
            load_statement(Path(other))


def test_mapping_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for name, content, said in (
        ("a.toml", b"x = 1", "a mapping is one SELECT in a .sql file now"),
        ("b.sql", b"SELECT '\xff'", "it is not UTF-8"),
        ("c.sql", b"SET threads = 1", "c.sql: it must be a SELECT, and is SET"),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(ConfigError, match=said):
            load_statement(path)
    with pytest.raises(ConfigError, match="No such file"):
        load_statement(tmp_path / "d.sql")
    (tmp_path / "e.sql").write_text(PLAIN, "utf-8-sig")
    assert load_statement(tmp_path / "e.sql").text == PLAIN


def test_names_of_the_tables_are_nobody_elses(tmp_path: Path) -> None:
    path = written(tmp_path)
    text = (
        "WITH Records_2 AS (SELECT 1 AS rec WHERE false), records__1 AS (SELECT 1)"
        " SELECT c.rec, c.ts, c.meter_id, c.kwh FROM csv($path) c JOIN ndjson($path) n ON true"
    )
    names = [call.name for call in parse_statement(text).calls]
    assert len(set(names)) == 2
    assert not any(name in text.lower() for name in names)
    text = (
        "WITH records_2 AS (SELECT 1 AS rec WHERE false)"
        " SELECT c.rec, c.ts, c.meter_id, c.kwh FROM csv($path) c JOIN csv($path) d USING (rec)"
    )
    assert len(rows_of(text, path)) == 2
    assert (
        parse_statement("SELECT 'a\u00a0b' AS \"a\u00a0b\"").sql
        == "SELECT 'a\u00a0b' AS \"a\u00a0b\""
    )


def test_sum_of_a_day_is_not_too_deep() -> None:
    total = " + ".join(f"num(q{quarter})" for quarter in range(1, 101))
    statement = parse_statement(f"SELECT {total} AS kwh FROM csv($path)")
    columns = [f"q{quarter}" for quarter in range(1, 101)]
    assert source_columns(statement, columns)["kwh"] == columns


def test_what_is_too_large_to_be_a_mapping_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="/dev/zero is no mapping: it has more than 1 MiB"):
        load_statement(Path("/dev/zero"))
    path = tmp_path / "long.sql"
    path.write_bytes(PLAIN.encode() + b"\r\n" * 500_000)
    assert load_statement(path).calls[0].function.name == "csv"


def test_name_that_is_not_utf_8_is_shown_as_far_as_it_is() -> None:
    statement = parse_statement("SELECT name_of($path) AS name FROM csv($path)")
    assert "name_of('Z\ufffdhler.csv')" in statement.for_path("", "Z\udce4hler.csv")
