"""Tables made under `cairo.default.sequencer.part.txn.count`: QuestDB tells which days changed."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.conftest import TestQuestDB
from tests.unit.archive.archive_rig import DAY, ArchiveRig, reading

from utility_ts_analytics.archive import drop
from utility_ts_analytics.database.embedded_questdb import server_settings


@pytest.fixture
def telling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ArchiveRig]:
    settings = {
        **server_settings.SERVICE_SETTINGS,
        "QDB_CAIRO_DEFAULT_SEQUENCER_PART_TXN_COUNT": "1000",
    }
    monkeypatch.setattr(server_settings, "SERVICE_SETTINGS", settings)
    server = TestQuestDB(tmp_path / "telling")
    server.start()
    root = tmp_path / "archive"
    root.mkdir()
    yield ArchiveRig(server, root)
    server.stop()


def test_only_days_of_transactions_are_read_and_drops_go_on_beside_writers(
    telling: ArchiveRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    telling.write(*(reading("a", day, day=day) for day in range(4)))
    telling.update()
    telling.write(reading("b", 9, day=2))
    report = telling.update()
    assert (report.written, report.compared, report.known) == (1, 0, 3)
    # UPDATE has no times: everything is compared.
    telling.questdb.query("UPDATE meter_usage SET kwh = 7 WHERE ts = '2024-03-02'")
    telling.questdb.wait_applied("meter_usage")
    report = telling.update()
    assert (report.written, report.compared, report.known) == (1, 3, 0)

    # Somebody writes to another day between the comparison and the drop.
    record = drop._record

    def live_row(*arguments: object) -> None:
        record(*arguments)  # type: ignore[arg-type]  # handed on as they came
        telling.write(reading("live", 9, day=3))

    monkeypatch.setattr(drop, "_record", live_row)
    dropped = telling.drop_before(DAY + timedelta(days=1))
    assert dropped.dropped == ["meter_usage 2024-03-01"]
    assert (dropped.refused, dropped.in_doubt) == ([], [])
