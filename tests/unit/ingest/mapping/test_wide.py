"""Days in one row: cells that are empty, bad, or past the end of a short day."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.unit.ingest.sources.source_rig import FileRead, meter_mapping, read_file, written

from utility_ts_analytics.errors import OperatorError

SPRING, AUTUMN = "2024-03-31", "2024-10-27"


def read(tmp_path: Path, *rows: Sequence[object], columns: int = 25, **time: str) -> FileRead:
    """Read hourly days of Europe/Berlin; `day` is of [wide], the rest of [time]."""
    wide = {"field": "kwh", "first_column": "h1", "last_column": f"h{columns}"}
    day = time.pop("day", "elapsed")
    mapping = meter_mapping(
        time={"columns": "day", "zone": "Europe/Berlin", "interval_minutes": 60, **time},
        wide={**wide, "day": day},
        fields={"meter_id": "meter", "kwh": {"unit": "Wh"}},
    )
    header: Sequence[object] = [
        "meter",
        "day",
        *(f"h{number}" for number in range(1, columns + 1)),
        "remark",
    ]
    lines = [",".join(map(str, row)) + "\n" for row in (header, *rows)]
    return read_file(written(tmp_path, "days.csv", "".join(lines)), mapping)


def day_of(date: str, values: list[object], columns: int = 25) -> list[object]:
    return ["m", date, *values, *[""] * (columns - len(values)), "x"]


def hours(start: datetime, count: int) -> list[datetime]:
    return [start + timedelta(hours=hour) for hour in range(count)]


def test_elapsed_hours_of_short_and_long_days(tmp_path: Path) -> None:
    spring, autumn = list(range(1, 24)), list(range(1, 26))
    found = read(tmp_path, day_of(SPRING, [*spring]), day_of(AUTUMN, [*autumn]))
    assert found.values("ts") == [
        *hours(datetime(2024, 3, 30, 23, tzinfo=UTC), 23),
        *hours(datetime(2024, 10, 26, 22, tzinfo=UTC), 25),
    ]
    assert found.values("kwh") == [value / 1000 for value in (*spring, *autumn)]
    assert (found.places, found.errors) == ([2] * 23 + [3] * 25, [])


def test_values_past_the_end_of_a_short_day_are_refused_once_by_line(tmp_path: Path) -> None:
    row = day_of(SPRING, [1] * 25)
    found = read(tmp_path, row)
    assert found.codes == [(2, "invalid-timestamp", "ts")] * 2
    assert found.errors[0].detail.startswith("ts is past the end of its day")
    assert found.refused.count(b"\n") == 2  # header and row


def test_long_day_in_24_columns_is_counted(tmp_path: Path) -> None:
    found = read(tmp_path, day_of(AUTUMN, [1] * 24, 24), columns=24)
    assert len(found.rows) == 24
    assert found.notes["wide-days-with-too-few-columns"] == 1


def test_bad_cells_refuse_themselves_and_bad_days_their_row(tmp_path: Path) -> None:
    good = day_of("2024-06-03", [1, "x", "", 4])
    found = read(tmp_path, day_of("soon", [1, 2]), good, day_of("", [5]), day_of("2024-06-04", []))
    assert found.codes == [
        (2, "invalid-timestamp", "ts"),
        (3, "invalid-number", "kwh"),
        (4, "missing-field", "ts"),
    ]
    midnight = datetime(2024, 6, 2, 22, tzinfo=UTC)
    assert found.values("ts") == [midnight, midnight + timedelta(hours=3)]
    assert found.notes["wide-cells-empty"] == 22 + 25


def test_clock_hours_follow_the_rules_of_local_time(tmp_path: Path) -> None:
    by_clock = [1, 1, 1, *[1] * 21]
    found = read(
        tmp_path,
        day_of(SPRING, [*by_clock], 24),
        day_of(AUTUMN, [*by_clock], 24),
        columns=24,
        day="clock",
        repeated_hour="second",
    )
    assert found.codes == [(2, "invalid-timestamp", "ts")]  # 02:00 of the spring day
    autumn = found.values("ts")[23:]
    assert autumn[1:4] == [
        datetime(2024, 10, 26, 23, tzinfo=UTC),
        datetime(2024, 10, 27, 1, tzinfo=UTC),
        datetime(2024, 10, 27, 2, tzinfo=UTC),
    ]
    assert found.notes["repeated-hour-second"] == 1


def test_columns_in_the_wrong_order_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "days.csv", "meter,day,h2,h1\n")
    mapping = meter_mapping(
        time={"columns": "day", "zone": "UTC", "interval_minutes": 720},
        wide={"field": "kwh", "first_column": "h1", "last_column": "h2"},
        fields={"meter_id": "meter", "kwh": {}},
    )
    with pytest.raises(OperatorError, match=r"line 1: the header has h2 \(wide.last_column\) bef"):
        read_file(path, mapping)
