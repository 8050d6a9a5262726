"""A wrong export is found by QuestDB's own counts."""

import pytest
from tests.unit.archive.archive_rig import DAY, ArchiveRig, reading

from utility_ts_analytics.archive import export as exporting
from utility_ts_analytics.archive import file_update
from utility_ts_analytics.errors import OperatorError


def test_column_that_is_exported_as_null_stops_the_archive(
    rig: ArchiveRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.write(reading("a", 1, more=',premise_id="abc"'), reading("b", 2))
    monkeypatch.setattr(exporting, "_exported", lambda column: f'"{column.name}"')
    with pytest.raises(OperatorError, match="0 values of premise_id and counts 1"):
        rig.update()
    assert not list(rig.root.rglob("*.parquet"))


def test_day_that_is_written_to_all_the_time_is_archived_and_not_final(
    rig: ArchiveRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.write(reading("a", 1))
    real, exports = exporting.export, 0

    def export_and_write(*arguments: object) -> None:
        nonlocal exports
        real(*arguments)  # type: ignore[arg-type]  # handed on as they came
        exports += 1
        rig.write(reading(f"late-{exports}", 1))

    monkeypatch.setattr(file_update, "export", export_and_write)
    assert rig.update().not_final == [DAY]
    assert exports == file_update.TRIES
    assert len(rig.rows()) == file_update.TRIES
    monkeypatch.undo()
    assert rig.update().not_final == []
    assert len(rig.rows()) == file_update.TRIES + 1
