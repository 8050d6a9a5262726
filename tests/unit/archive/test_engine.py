"""Digests see every change of a row; files and their trouble."""

from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utility_ts_analytics.archive.engine import (
    CannotWrite,
    Content,
    DamagedFile,
    Engine,
    NoMemory,
)
from utility_ts_analytics.database.table_spec import ColumnSpec

COLUMNS = (
    ColumnSpec("ts", "TIMESTAMP"),
    ColumnSpec("meter_id", "SYMBOL"),
    ColumnSpec("kwh", "DOUBLE"),
    ColumnSpec("kvarh", "DOUBLE"),
)
KEYS = ("ts", "meter_id")
ORDER = ("meter_id", "ts")
Row = tuple[int, str, float | None, float | None]


def made(path: Path, rows: list[Row]) -> Path:
    """Write rows as QuestDB exports them."""
    values = ", ".join(
        f"(make_timestamp({ts}), '{meter}', {'NULL' if a is None else a}::DOUBLE,"
        f" {'NULL' if b is None else b}::DOUBLE)"
        for ts, meter, a, b in rows
    )
    duckdb.sql(
        f"COPY (SELECT ts::TIMESTAMPTZ AS ts, meter_id, kwh, kvarh FROM (VALUES {values})"
        f" t(ts, meter_id, kwh, kvarh)) TO '{path}' (FORMAT parquet)"
    )
    return path


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine(memory_mib=128, spill=tmp_path / ".spill")


ROWS: list[Row] = [(1, "a", 1.0, 2.0), (2, "a", 2.0, 1.0), (1, "b", None, 0.5)]


@pytest.mark.parametrize(
    "changed",
    [
        [(1, "a", 2.0, 2.0), (2, "a", 1.0, 1.0), (1, "b", None, 0.5)],  # two rows swap a value
        [(1, "a", 2.0, 1.0), (2, "a", 1.0, 2.0), (1, "b", None, 0.5)],  # and all values
        [(1, "a", 1.0, 2.0), (2, "a", 2.0, 1.0), (1, "b", 0.5, None)],  # NULL moves
        [(1, "a", 1.0, 2.0), (2, "b", 2.0, 1.0), (1, "b", None, 0.5)],
        [*ROWS, ROWS[0], ROWS[0]],  # twice the same row: XOR alone sees nothing
        ROWS[:2],
    ],
)
def test_every_change_gives_another_digest(
    engine: Engine, tmp_path: Path, changed: list[Row]
) -> None:
    one = engine.content_of(made(tmp_path / "one.parquet", ROWS), COLUMNS)
    other = engine.content_of(made(tmp_path / "other.parquet", changed), COLUMNS)
    assert one.digest != other.digest


def test_order_and_the_archive_s_form_keep_the_digest(engine: Engine, tmp_path: Path) -> None:
    one = made(tmp_path / "one.parquet", ROWS)
    other = made(tmp_path / "other.parquet", ROWS[::-1])
    target = tmp_path / "sorted.parquet"
    engine.write_sorted(
        target, other, COLUMNS, kept_of=None, order=ORDER, keys=KEYS, metadata="it's"
    )
    assert engine.metadata_of([target, one]) == {target: b"it's"}
    digests = {engine.content_of(path, COLUMNS).digest for path in (one, other, target)}
    assert len(digests) == 1
    assert duckdb.execute(f"SELECT meter_id FROM '{target}'").fetchall() == [("a",), ("a",), ("b",)]


@given(st.lists(st.integers(0, 2**64 - 1)), st.lists(st.integers(0, 2**64 - 1)))
def test_contents_add_up(one: list[int], other: list[int]) -> None:
    def content(hashes: list[int]) -> Content:
        xor = 0
        for value in hashes:
            xor ^= value
        return Content(len(hashes), xor, sum(hashes))

    assert content(one) + content(other) == content(one + other)


def test_rows_that_only_the_old_file_has_are_kept_with_new_columns_empty(
    engine: Engine, tmp_path: Path
) -> None:
    new = made(tmp_path / "new.parquet", [(1, "a", 9.0, 9.0)])
    old = tmp_path / "old.parquet"
    made(tmp_path / "full.parquet", ROWS)
    duckdb.sql(f"COPY (SELECT ts, meter_id, kwh FROM '{tmp_path}/full.parquet') TO '{old}'")
    kept = engine.kept_content(old, new, KEYS, COLUMNS)
    assert kept.rows == 2
    target = tmp_path / "merged.parquet"
    engine.write_sorted(target, new, COLUMNS, kept_of=old, order=ORDER, keys=KEYS, metadata="")
    whole = engine.content_of(target, COLUMNS)
    assert whole == engine.content_of(new, COLUMNS) + kept
    rows = duckdb.execute(f"SELECT meter_id, kwh, kvarh FROM '{target}'").fetchall()
    assert rows == [("a", 9.0, 9.0), ("a", 2.0, None), ("b", None, None)]
    assert engine.count_missing(new, target, COLUMNS) == 0
    assert engine.count_missing(target, new, COLUMNS) == 2


def test_trouble_has_a_name(engine: Engine, tmp_path: Path) -> None:
    good = made(tmp_path / "good.parquet", ROWS)
    bad = tmp_path / "bad.parquet"
    bad.write_bytes(good.read_bytes()[:-20])
    for path in (bad, tmp_path / "none.parquet"):
        with pytest.raises(DamagedFile, match=path.name):
            engine.content_of(path, COLUMNS)
    with pytest.raises(DamagedFile):
        engine.metadata_of([good, bad])
    with pytest.raises(DamagedFile, match="kwh"):
        engine.content_of(good, (*COLUMNS, ColumnSpec("kwh2", "DOUBLE")))
    target = tmp_path / "no folder" / "x.parquet"
    with pytest.raises(CannotWrite):
        engine.write_sorted(
            target, good, COLUMNS, kept_of=None, order=ORDER, keys=KEYS, metadata=""
        )


def test_more_memory_than_allowed_is_said(tmp_path: Path) -> None:
    path = tmp_path / "wide.parquet"
    texts = "SELECT repeat('x', 200000) || i AS meter_id FROM range(400) t(i)"
    duckdb.sql(f"COPY ({texts}) TO '{path}'")
    with Engine(memory_mib=16, spill=tmp_path / "spill") as small:
        small._connection.execute("SET max_temp_directory_size = '0KiB'")
        with pytest.raises((NoMemory, CannotWrite)):
            small.write_sorted(
                tmp_path / "t.parquet",
                path,
                (ColumnSpec("meter_id", "SYMBOL"),),
                kept_of=None,
                order=("meter_id",),
                keys=("meter_id",),
                metadata="",
            )
