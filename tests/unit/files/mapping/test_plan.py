"""Which of two versions of a reading is the later: as in the file, or as the mapping sorts."""

from pathlib import Path
from typing import Any

import pytest
from tests.unit.files.mapping.mapping_rig import column_rules, mapped, written

from utility_ts_analytics.files.mapping.plan import sorted_to_the_end

PAIRS = 20_000


def versions_of(sql: str, path: Path) -> tuple[dict[str, float], bool]:
    """Return the last value of each meter as it is handed over, and whether the order is known."""
    last: dict[str, float] = {}

    def keep(batch: Any, recs: object) -> None:
        columns = batch.to_pydict()
        last.update(zip(columns["meter_id"], columns["kwh"], strict=True))

    with mapped(sql, path, column_rules(keep, encoded=False)) as source:
        for _ in source:
            pass
        return last, source.order_known


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each meter has two versions of one reading, half of the file apart; the later is right."""
    rows = [
        f"2024-01-01T00:00:00Z,m{meter},{version},{PAIRS - meter}"
        for version in (1, 2)
        for meter in range(PAIRS)
    ]
    content = "ts,meter_id,kwh,note\n" + "\n".join(rows) + "\n"
    return written(tmp_path_factory.mktemp("order"), content)


ROWS = "SELECT rec, ts, meter_id, kwh FROM csv($path)"


@pytest.mark.parametrize(
    "sql",
    [
        ROWS,
        f"{ROWS} ORDER BY ts, meter_id",
        f"{ROWS} ORDER BY meter_id DESC",
        f"{ROWS} WHERE meter_id IN (SELECT meter_id FROM csv($path) WHERE kwh = '1')",
        f"WITH a AS ({ROWS}) SELECT DISTINCT * FROM a",
        "SELECT ts, meter_id, kwh FROM csv($path) ORDER BY meter_id",
        "SELECT a.rec, a.ts, a.meter_id, a.kwh FROM csv($path) AS a, (VALUES (1)) AS one(n)",
    ],
)
def test_later_record_is_the_later_row(twice: Path, sql: str) -> None:
    last, order_known = versions_of(sql, twice)
    assert order_known
    assert set(last.values()) == {2.0}


@pytest.mark.parametrize(
    "sql",
    [
        f"{ROWS} UNION ALL SELECT rec, ts, meter_id || 'x', kwh FROM csv($path)",
        "SELECT DISTINCT ts, meter_id, kwh FROM csv($path)",
        "SELECT ts, meter_id, kwh FROM (SELECT * FROM csv($path) ORDER BY meter_id)",
        f"SELECT * FROM ({ROWS} ORDER BY meter_id)",
        "SELECT a.ts, a.meter_id, a.kwh FROM csv($path) AS a JOIN csv($path) AS b USING (rec)",
    ],
)
def test_order_that_nobody_knows_is_told(twice: Path, sql: str) -> None:
    assert versions_of(sql, twice)[1] is False


def test_newest_may_be_made_the_last(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "ts,meter_id,kwh,revision\n2024-01-01T00:00:00Z,m,2,9\n2024-01-01T00:00:00Z,m,1,8\n",
    )
    assert versions_of(f"{ROWS} ORDER BY revision::INT", path) == ({"m": 2.0}, True)


def test_rows_of_one_record_that_are_sorted_come_in_any_order(tmp_path: Path) -> None:
    path = written(tmp_path, '{"l": [1, 2]}', "d.json")
    rows = """SELECT rec, '2024-01-01T00:00:00Z' AS ts, 'm' AS meter_id,
        unnest(j->>'$.l[*]') AS kwh FROM json_document($path)"""
    assert versions_of(rows, path) == ({"m": 2.0}, True)
    assert versions_of(f"SELECT DISTINCT * FROM ({rows})", path)[1] is False


def test_statement_that_sorts_has_rec_behind_what_it_sorts_by() -> None:
    assert sorted_to_the_end("SELECT rec, ts FROM t ORDER BY ts DESC LIMIT 3") == (
        True,
        "SELECT rec, ts FROM t ORDER BY ts DESC, rec LIMIT 3",
    )
    assert sorted_to_the_end("SELECT rec FROM (SELECT * FROM t ORDER BY ts)") == (False, None)


def test_records_that_no_table_of_a_mapping_can_read_are_refused(tmp_path: Path) -> None:
    # The head is read as lines, the readings as CSV: what the second cannot read is no less lost.
    path = written(
        tmp_path, 'Meter,M1\n\nts,kwh\n2024-01-01T00:00:00Z,1\n"2024,2\n2024-01-01T02:00:00Z\n'
    )
    sql = """WITH head AS (SELECT cell(line, 2) AS meter FROM lines($path) WHERE rec = 1)
        SELECT t.rec, ts, meter AS meter_id, kwh FROM csv($path, skip := 2) AS t, head"""
    with mapped(sql, path) as source:
        pieces = list(source)
    assert sum(piece.row_count for piece in pieces) == 1
    assert sorted(one.line or 0 for piece in pieces for one in piece.refused) == [5, 6]
