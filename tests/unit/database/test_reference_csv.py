"""Reference rows from CSV: typed by the schema, whole file or nothing, errors by line."""

import asyncio
import gzip
from datetime import datetime
from pathlib import Path
from typing import Protocol

import pytest

from utility_ts_analytics.database.pool import connect
from utility_ts_analytics.database.reference_csv import insert_csv, read_csv
from utility_ts_analytics.database.table_spec import ColumnSpec, TableSpec, table_specs
from utility_ts_analytics.errors import OperatorError, QuestDBUnavailable

PLANTS = table_specs()["plants"]
HEADER = "valid_from,plant_id,name,capacity_mw,units"
ROW = "2024-01-01T02:00:00+02:00,p-1,Plant One,12.5,3"
FEW_TYPES = TableSpec(
    "t",
    (ColumnSpec("ts", "TIMESTAMP"), ColumnSpec("id", "UUID"), ColumnSpec("x", "DOUBLE")),
    "ts",
    "DAY",
    wal=True,
    dedup_keys=("ts", "id"),
)


class Database(Protocol):
    """What these tests need of the `questdb` fixture."""

    @property
    def pg_uri(self) -> str: ...
    def query(self, sql: str) -> list[tuple[object, ...]]: ...
    def truncate(self, *tables: str) -> None: ...
    def wait_applied(self, table: str) -> None: ...


def written(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "plants.csv"
    path.write_text("\n".join((*lines, "")))
    return path


def insert(uri: str, path: Path, spec: TableSpec) -> int:
    async def run() -> int:
        connection = await connect(uri)
        try:
            return await insert_csv(connection, path, spec)
        finally:
            await connection.close()

    return asyncio.run(run())


def test_cells_become_the_types_of_their_columns(tmp_path: Path) -> None:
    header, rows = read_csv(written(tmp_path, HEADER, ROW), PLANTS)
    assert list(header) == HEADER.split(",")
    assert rows == [(datetime(2024, 1, 1), "p-1", "Plant One", 12.5, 3)]


def test_empty_cells_are_null_and_blank_lines_no_rows(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER, "", "2024-01-01T00:00:00Z,p-1,,,", "")
    assert read_csv(path, PLANTS)[1] == [(datetime(2024, 1, 1), "p-1", None, None, None)]


def test_gzip_and_byte_order_mark_change_nothing(tmp_path: Path) -> None:
    plain = written(tmp_path, HEADER, ROW)
    marked = tmp_path / "marked.csv.gz"
    marked.write_bytes(gzip.compress(b"\xef\xbb\xbf" + plain.read_bytes()))
    assert read_csv(marked, PLANTS) == read_csv(plain, PLANTS)


def test_every_column_type_of_the_schema_can_be_read(tmp_path: Path) -> None:
    for spec in table_specs().values():
        path = written(tmp_path, ",".join(column.name for column in spec.columns))
        assert read_csv(path, spec)[1] == []


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("", "it has no header"),
        ("valid_from,plant,size", "plants has no column plant, size"),
        ("valid_from,plant_id,plant_id", "the header repeats plant_id"),
        ("plant_id,name", "the header lacks valid_from"),
    ],
)
def test_header_that_does_not_fit_the_table_is_refused(
    tmp_path: Path, header: str, reason: str
) -> None:
    with pytest.raises(OperatorError, match=rf"plants\.csv: {reason}"):
        read_csv(written(tmp_path, header, ROW), PLANTS)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2024-01-01,p,,,", "a time needs an offset"),
        ("soon,p,,,", "Invalid isoformat"),
        ("0001-01-01T00:00:00+05:00,p,,,", "out of range"),
        ("2024-01-01T00:00:00Z,p,,much,", "could not convert"),
        ("2024-01-01T00:00:00Z,p,,nan,", "must be finite"),
        ("2024-01-01T00:00:00Z,p,,-inf,", "must be finite"),
        ("2024-01-01T00:00:00Z,p,,,1.5", "invalid literal"),
        ("2024-01-01T00:00:00Z,p", "it has 2 cells, the header 5"),
        (f"{ROW},more", "it has 6 cells, the header 5"),
    ],
)
def test_cell_that_does_not_fit_is_refused_with_its_line(
    tmp_path: Path, row: str, reason: str
) -> None:
    with pytest.raises(OperatorError, match=rf"plants\.csv, line 3: .*{reason}"):
        read_csv(written(tmp_path, HEADER, ROW, row), PLANTS)


def test_uuid_cells_are_checked(tmp_path: Path) -> None:
    path = written(tmp_path, "ts,id", "2024-01-01T00:00:00Z,not-an-id")
    with pytest.raises(OperatorError, match="line 2: badly formed"):
        read_csv(path, FEW_TYPES)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("missing.csv", None),
        ("latin.csv", HEADER.encode() + b"\n2024-01-01T00:00:00Z,p,\xe9,,\n"),
        ("open.csv", HEADER.encode() + b'\n2024-01-01T00:00:00Z,"p'),
        ("plain.csv.gz", HEADER.encode()),
        ("cut.csv.gz", gzip.compress(HEADER.encode() * 9, mtime=0)[:-6]),
        ("spoilt.csv.gz", gzip.compress(HEADER.encode() * 9, mtime=0)[:12] + b"\xff" * 40),
    ],
)
def test_file_that_cannot_be_read_is_named(
    tmp_path: Path, name: str, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(OperatorError, match=f"cannot read .*{name}: "):
        read_csv(tmp_path / name, PLANTS)


@pytest.mark.questdb
def test_inserting_twice_leaves_the_table_as_once(questdb: Database, tmp_path: Path) -> None:
    questdb.truncate("plants")
    path = written(tmp_path, HEADER, ROW, "2024-01-01T00:00:00Z,p-2,,,")
    for _ in range(2):
        assert insert(questdb.pg_uri, path, PLANTS) == 2
    questdb.wait_applied("plants")
    stored = questdb.query(
        "SELECT valid_from, plant_id, name, capacity_mw, units FROM plants ORDER BY plant_id"
    )
    assert stored == [
        ("2024-01-01T00:00:00.000000Z", "p-1", "Plant One", 12.5, 3),
        ("2024-01-01T00:00:00.000000Z", "p-2", None, None, None),
    ]
    questdb.truncate("plants")


@pytest.mark.questdb
def test_bad_row_stores_nothing_of_its_file(questdb: Database, tmp_path: Path) -> None:
    questdb.truncate("plants")
    with pytest.raises(OperatorError, match="line 3"):
        insert(questdb.pg_uri, written(tmp_path, HEADER, ROW, "x,p,,,"), PLANTS)
    questdb.wait_applied("plants")
    assert questdb.query("SELECT count() FROM plants") == [(0,)]


@pytest.mark.questdb
def test_file_with_a_header_alone_inserts_nothing(questdb: Database, tmp_path: Path) -> None:
    assert insert(questdb.pg_uri, written(tmp_path, HEADER), PLANTS) == 0


@pytest.mark.questdb
def test_table_that_is_not_there_is_an_error_for_the_operator(
    questdb: Database, tmp_path: Path
) -> None:
    with pytest.raises(OperatorError) as refused:
        insert(questdb.pg_uri, written(tmp_path, HEADER, ROW), PLANTS.named("no_such_plants"))
    assert not isinstance(refused.value, QuestDBUnavailable)
