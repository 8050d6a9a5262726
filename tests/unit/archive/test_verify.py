"""The comparison finds each kind of difference, and none where there is none."""

from datetime import UTC, datetime

from tests.unit.archive.archive_rig import DAY, ArchiveRig, reading


def test_equal_archive_has_no_difference(rig: ArchiveRig) -> None:
    rig.write(reading("a", 1), reading("a", 2, day=1))
    rig.update()
    report = rig.verify()
    assert (report.files, report.rows, report.equal, report.differences) == (2, 2, 2, [])


def test_changed_missing_and_gone_days_are_told(rig: ArchiveRig) -> None:
    rig.write(reading("a", 1), reading("a", 2, day=1), reading("a", 3, day=2))
    rig.update()
    rig.write(reading("a", 1.5), reading("a", 4, day=3))
    rig.questdb.query("ALTER TABLE meter_usage DROP PARTITION LIST '2024-03-02'")
    rig.questdb.wait_applied("meter_usage")
    report = rig.verify()
    assert report.equal == 1
    changed, gone, missing = report.differences
    assert "2024-03-01: QuestDB has 1 rows, the archive 1, with other values" in changed
    assert "QuestDB has no rows of that day" in gone
    assert "2024-03-04: not archived" in missing


def test_damage_in_the_middle_of_a_file_is_found(rig: ArchiveRig) -> None:
    rig.write(*(reading(f"m-{number}", number * 1.37) for number in range(2000)))
    rig.update()
    content = bytearray(rig.path().read_bytes())
    for index in range(2000, 2040):
        content[index] ^= 0xFF
    rig.path().write_bytes(content)
    (difference,) = rig.verify().differences
    assert str(rig.path()) in difference
    assert "move it away" in difference


def test_today_that_grew_is_told_and_no_difference(rig: ArchiveRig) -> None:
    day = (datetime.now(tz=UTC).date() - DAY).days
    rig.write(reading("a", 1, day=day))
    rig.update()
    rig.write(reading("b", 1, day=day))
    report = rig.verify()
    assert report.differences == []
    assert len(report.unsettled) == 1


def test_kept_rows_are_no_difference_and_a_lost_one_is(rig: ArchiveRig) -> None:
    rig.write(reading("a", 1), reading("a", 5, day=1))
    rig.update()
    rig.questdb.query(f"ALTER TABLE meter_usage DROP PARTITION LIST '{DAY}'")
    rig.write(reading("b", 2))
    rig.update()
    assert rig.verify().differences == []
    rig.write(reading("b", 3))
    (difference,) = rig.verify().differences
    assert "1 of QuestDB's rows are not in the archive" in difference
