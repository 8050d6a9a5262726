"""A dry run reads everything and goes on behind what it cannot read."""

import json
import os
import signal
import tempfile
import threading
from pathlib import Path

import pytest

from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.config import Config
from utility_ts_analytics.files.dry_run import dry_run
from utility_ts_analytics.files.options import LoadOptions
from utility_ts_analytics.files.plan import make_plan
from utility_ts_analytics.files.result import LoadResult

ROW = '{"ts":"2024-01-01T00:00:00Z","meter_id":"m","kwh":%s}\n'
ENDLESS = """
WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n > 0)
SELECT rec, ts, meter_id, (SELECT max(n) FROM r)::DOUBLE AS kwh FROM csv($path)
"""


def run(*paths: Path, mapping: Path | None = None) -> LoadResult:
    options = LoadOptions(paths, "meter_usage", mapping=mapping, dry_run=True)
    return dry_run(make_plan(Config(), options, wall_ns=1_750_000_000 * 10**9), ManualClock())


def test_files_are_counted_and_a_bad_one_told(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_text(ROW % 1 + ROW % -1)
    (tmp_path / "b.csv").write_text("nothing\n")
    (tmp_path / "c.csv").write_text("ts,meter_id,kwh\n2024-01-02T00:00:00Z,n,2\n")
    result = run(tmp_path)
    assert [file.state for file in result.files] == ["complete", "failed", "complete"]
    assert [file.account.stored_rows for file in result.files] == [1, 0, 1]
    assert [file.account.refused_rows for file in result.files] == [1, 0, 0]
    assert [file.account.key_count for file in result.files] == [1, 0, 1]
    assert "are missing; there is" in (result.files[1].problem or "")
    assert not result.ok


def test_file_whose_times_are_all_numbers_keeps_no_other_out(tmp_path: Path) -> None:
    """With and without a mapping: rows are refused, with the text as it stands."""
    record = {"ts": 1704067200, "meter_id": "m", "kwh": 1}
    (tmp_path / "a.ndjson").write_text((json.dumps(record) + "\n") * 30_000)
    (tmp_path / "b.ndjson").write_text(ROW % 1)
    mapping = tmp_path / "m.sql"
    mapping.write_text(
        "SELECT rec, j->>'ts' AS ts, j->>'meter_id' AS meter_id, (j->>'kwh')::DOUBLE AS kwh"
        " FROM ndjson($path)"
    )
    for used in (None, mapping):
        result = run(tmp_path / "a.ndjson", tmp_path / "b.ndjson", mapping=used)
        first, second = result.files
        assert (first.account.stored_rows, first.account.refused_rows) == (0, 30_000)
        assert {(one.field, one.cell) for one in first.account.errors} == {("ts", "1704067200")}
        assert second.account.stored_rows == 1


def test_mapping_that_never_yields_is_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    (tmp_path / "a.csv").write_text("ts,meter_id,kwh\n2024-01-02T00:00:00Z,n,2\n")
    (tmp_path / "m.sql").write_text(ENDLESS)
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    result = run(tmp_path / "a.csv", tmp_path / "a.csv", mapping=tmp_path / "m.sql")
    timer.join()
    assert (result.stopped, result.reader_stuck) == ("interrupted by SIGINT", False)
    assert [(file.state, file.problem) for file in result.files] == [
        ("incomplete", "interrupted by SIGINT")
    ]
    assert list(temporary.iterdir()) == []
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
