"""What files of a load have in common is made once, and nothing of one file gets into the next."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.files.mapping.mapping_rig import HEAD, LINE_BYTES_MAX, PLAIN, TWO, written

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.mapping import databases as module
from utility_ts_analytics.files.mapping.databases import Databases
from utility_ts_analytics.files.mapping.engine import Selection
from utility_ts_analytics.files.mapping.preparation import prepare
from utility_ts_analytics.files.mapping.statement import parse_statement
from utility_ts_analytics.files.tables.file_bytes import FileBytes

OTHER = HEAD + "2024-01-01T00:30:00Z,c,3\n"


class Files:
    """Reads one file after the other by one mapping, and counts what is made anew."""

    def __init__(self, sql: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.databases = Databases(parse_statement(sql))
        self.opened = self.prepared = 0
        open_one = module.Database

        def opening(*arguments: Any) -> Any:
            self.opened += 1
            return open_one(*arguments)

        def preparing(*arguments: Any) -> Any:
            self.prepared += 1
            return prepare(*arguments)

        monkeypatch.setattr(module, "Database", opening)
        monkeypatch.setattr("utility_ts_analytics.files.mapping.engine.prepare", preparing)

    def open(self, path: Path) -> Selection:
        return Selection(self.databases, FileBytes(path), LINE_BYTES_MAX)

    def rows(self, path: Path) -> list[dict[str, Any]]:
        selection = self.open(path)
        try:
            return [row for batch in selection.batches() for row in batch.to_pylist()]
        finally:
            selection.close()


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


def test_files_of_one_shape_share_a_database_and_its_plan(
    temporary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = Files(PLAIN, monkeypatch)
    for name, text, kwh in (("a", TWO, ["1", "2"]), ("b", OTHER, ["3"]), ("c", TWO, ["1", "2"])):
        assert [row["kwh"] for row in files.rows(written(tmp_path, text, name))] == kwh
    assert (files.opened, files.prepared) == (1, 1)
    assert len(list(temporary.iterdir())) == 1
    files.databases.close()


def test_file_of_another_shape_is_looked_at_anew(
    temporary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Columns that no row is made of are not read, and other columns are others."""
    files = Files("SELECT rec, COLUMNS(lambda c: c LIKE 'k%') FROM csv($path)", monkeypatch)
    assert files.rows(written(tmp_path, "kwh,x\n1,2\n", "a"))[0] == {"rec": 1, "kwh": "1"}
    assert files.rows(written(tmp_path, "x,kw\n1,2\n", "b"))[0] == {"rec": 1, "kw": "2"}
    assert (files.opened, files.prepared) == (1, 2)
    files.databases.close()


def test_name_of_a_file_that_decides_on_columns_decides_for_it_alone(
    temporary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sql = "SELECT rec, CASE WHEN name_of($path) = 'a' THEN x ELSE y END AS v FROM csv($path)"
    files = Files(sql, monkeypatch)
    text = "x,y\n1,2\n"
    assert [files.rows(written(tmp_path, text, name))[0]["v"] for name in "aba"] == ["1", "2", "1"]
    assert (files.opened, files.prepared) == (1, 3)
    files.databases.close()


def test_functions_of_duckdb_open_their_own_file_only(
    temporary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = Files("SELECT kwh FROM read_csv($path)", monkeypatch)
    assert [row["kwh"] for row in files.rows(written(tmp_path, TWO, "a"))] == [1, 2]
    assert list(temporary.iterdir()) == []
    assert [row["kwh"] for row in files.rows(written(tmp_path, OTHER, "b"))] == [3]
    assert files.opened == 2


@pytest.mark.parametrize("end", ["failed", "left", "interrupted"])
def test_database_whose_query_did_not_end_is_not_used_again(
    end: str, temporary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = Files("SELECT rec, kwh::DOUBLE AS kwh FROM csv($path)", monkeypatch)
    if end == "failed":
        with pytest.raises(OperatorError, match="n/a"):
            files.rows(written(tmp_path, TWO + "t,m,n/a\n", "a"))
    else:
        selection = files.open(written(tmp_path, TWO, "a"))
        if end == "interrupted":
            selection.interrupt()
        else:
            next(selection.batches())
        selection.close()
        selection.interrupt()  # too late, and for none that comes
    assert list(temporary.iterdir()) == []
    assert [row["kwh"] for row in files.rows(written(tmp_path, OTHER, "b"))] == [3.0]
    assert files.opened == 2
    files.databases.close()


def test_two_files_that_are_open_at_once_have_a_database_each(
    temporary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = Files(PLAIN, monkeypatch)
    one, other = (files.open(written(tmp_path, text, text[-3:-1])) for text in (TWO, OTHER))
    assert [batch.num_rows for batch in one.batches()] == [2]
    assert [batch.num_rows for batch in other.batches()] == [1]
    one.close()
    other.close()
    assert len(files.rows(written(tmp_path))) == 2
    assert files.opened == 2
    files.databases.close()


def test_macro_that_only_a_text_names_is_found_in_every_file(
    temporary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sql = "SELECT rec, v FROM csv($path), query('SELECT n' || 'um(''1,5'', point := '','') AS v')"
    files = Files(sql, monkeypatch)
    for name in ("a", "b"):
        assert [row["v"] for row in files.rows(written(tmp_path, TWO, name))] == [1.5, 1.5]
        files.databases.close()
    assert (files.opened, files.prepared) == (2, 2)
