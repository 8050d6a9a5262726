import re
from pathlib import Path

import pytest

from utility_ts_analytics.database.schema_text import (
    schema_files,
    schema_statements,
    schema_text,
    split_statements,
)
from utility_ts_analytics.errors import OperatorError


@pytest.mark.parametrize(
    ("sql", "texts"),
    [
        ("", []),
        ("  \n-- nothing; here\n/* or; here */ ;;", []),
        ("A", ["A"]),
        ("A; B ;", ["A", "B "]),
        ("A -- one; two\n B;", ["A -- one; two\n B"]),
        ("A /* ; */ B;", ["A /* ; */ B"]),
        ("A 'x;''y;' B; C", ["A 'x;''y;' B", "C"]),
        ('A "x;""y" B;', ['A "x;""y" B']),
        ("-- first\nA;\n-- last", ["A"]),
    ],
)
def test_semicolon_ends_a_statement_only_outside_comments_and_quotes(
    sql: str, texts: list[str]
) -> None:
    assert [statement.text for statement in split_statements(sql, "x.sql")] == texts


def test_tokens_leave_comments_out_and_unquote_names() -> None:
    (statement,) = split_statements("A(\"b\"\"c\", 'd''e') -- f\n G_1", "x.sql")
    assert statement.tokens == ("A", "(", 'b"c', ",", "'d''e'", ")", "G_1")


def test_origin_is_the_line_of_the_first_word() -> None:
    first, second = split_statements("\n-- x\nA;\n\n B", "x.sql")
    assert (first.origin, second.origin) == ("x.sql:3", "x.sql:5")


@pytest.mark.parametrize("sql", ["A;\n#", "A;\n'open", 'A;\n"open', "A;\n%\nB"])
def test_unreadable_character_is_named_with_its_line(sql: str) -> None:
    with pytest.raises(OperatorError, match=r"^cannot read x\.sql:2: unexpected ") as caught:
        list(split_statements(sql, "x.sql"))
    assert "\n" not in str(caught.value)


def test_first_directory_with_files_is_taken_and_sorted(tmp_path: Path) -> None:
    absent, empty, full, later = (tmp_path / name for name in ("absent", "empty", "full", "later"))
    for directory in (empty, full, later):
        directory.mkdir()
    for file in (full / "02_b.sql", full / "01_a.sql", full / "notes.txt", later / "03_c.sql"):
        file.write_text("A;")
    found = schema_files((absent, empty, full, later))
    assert [file.name for file in found] == ["01_a.sql", "02_b.sql"]


def test_no_schema_files_at_all_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=f"no .*{re.escape(str(tmp_path))}.*install"):
        schema_files((tmp_path,))


def test_shown_text_holds_every_file_whole_and_splits_into_the_same_statements() -> None:
    shown = schema_text()
    files = schema_files()
    assert [file.name for file in files] == [
        "01_core_timeseries.sql",
        "02_reference.sql",
        "03_mapping_tables.sql",
    ]
    for file in files:
        assert f"-- {file.name}\n{file.read_text()}" in shown
    assert [one.tokens for one in split_statements(shown, "shown")] == [
        one.tokens for one in schema_statements()
    ]
