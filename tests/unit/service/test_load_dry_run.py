"""A dry run reads everything and goes on behind what it cannot read."""

from pathlib import Path

from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.config import Config
from utility_ts_analytics.service.load_dry_run import dry_run
from utility_ts_analytics.service.load_plan import LoadOptions
from utility_ts_analytics.service.load_planning import make_plan


def test_files_are_counted_and_a_bad_one_told(tmp_path: Path) -> None:
    row = '{"ts":"2024-01-01T00:00:00Z","meter_id":"m","kwh":%s}\n'
    (tmp_path / "a.ndjson").write_text(row % 1 + row % -1)
    (tmp_path / "b.csv").write_text("nothing\n")
    (tmp_path / "c.csv").write_text("ts,meter_id,kwh\n2024-01-02T00:00:00Z,n,2\n")
    options = LoadOptions([tmp_path], "meter_usage", dry_run=True)
    result = dry_run(make_plan(Config(), options, wall_ns=1_750_000_000 * 10**9), ManualClock())
    assert [file.state for file in result.files] == ["complete", "failed", "complete"]
    assert [file.account.stored_rows for file in result.files] == [1, 0, 1]
    assert [file.account.refused_rows for file in result.files] == [1, 0, 0]
    assert [file.account.key_count for file in result.files] == [1, 0, 1]
    assert "the header lacks" in (result.files[1].problem or "")
    assert not result.ok
