"""The first fault of a row in the order of its fields is the one that is named."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.unit.ingest.sources.source_rig import meter_mapping, read_file, written

from utility_ts_analytics.errors import OperatorError

HEADER = "meter,ts,value,kind,q\n"


def test_rows_are_taken_by_the_text_of_a_column_and_others_counted(tmp_path: Path) -> None:
    mapping = meter_mapping(only={"kind": ["A", "B"], "q": "1"})
    rows = "".join(
        f"m-{number},2024-06-03T10:00:00Z,{value},{kind},{q}\n"
        for number, (value, kind, q) in enumerate(
            [("1", "A", 1), ("x", "C", 1), ("y", "B", 1), ("2", "B", 1), ("3", "B", 2)]
        )
    )
    found = read_file(written(tmp_path, "r.csv", HEADER + rows), mapping)
    assert (found.values("meter_id"), found.places) == (["m-0", "m-3"], [2, 5])
    assert found.codes == [(4, "invalid-number", "kwh")]
    assert found.refused.splitlines()[1] == b"m-2,2024-06-03T10:00:00Z,y,B,1"
    assert found.notes == {"rows-left-out": 2}


def test_time_is_named_before_a_number(tmp_path: Path) -> None:
    found = read_file(written(tmp_path, "r.csv", HEADER + "m,soon,x,A,1\n"), meter_mapping())
    assert found.codes == [(2, "invalid-timestamp", "ts")]


def test_missing_columns_of_the_mapping_are_named(tmp_path: Path) -> None:
    path = written(tmp_path, "r.csv", "meter,ts\n")
    with pytest.raises(OperatorError, match=r"r\.csv, line 1: the header lacks sort, value$"):
        read_file(path, meter_mapping(only={"sort": "x"}))


@pytest.mark.parametrize(
    ("label", "wall", "minute"),
    [("start", "12:15", 15), ("end", "12:15", 0), ("wall-end", "12:15", 0)],
)
def test_labels(tmp_path: Path, label: str, wall: str, minute: int) -> None:
    time = {"zone": "Europe/Berlin", "label": label, "interval_minutes": 15}
    path = written(tmp_path, "r.csv", f"{HEADER}m,2024-06-03 {wall},1,A,1\n")
    found = read_file(path, meter_mapping(time=time))
    assert found.values("ts") == [datetime(2024, 6, 3, 10, minute, tzinfo=UTC)]


def test_end_labels_of_the_wall_over_the_end_of_summer_time(tmp_path: Path) -> None:
    """Exports that add the interval to the start on the wall write 03:00 twice, 02:00 once."""
    walls = [
        "02:00",
        "02:15",
        "02:30",
        "02:45",
        "03:00",
        "02:15",
        "02:30",
        "02:45",
        "03:00",
        "03:15",
    ]
    rows = "".join(f"m,2024-10-27 {wall},1,A,1\n" for wall in walls)
    time = {
        "zone": "Europe/Berlin",
        "label": "wall-end",
        "interval_minutes": 15,
        "repeated_hour": "order",
    }
    found = read_file(written(tmp_path, "r.csv", HEADER + rows), meter_mapping(time=time))
    first = datetime(2024, 10, 26, 23, 45, tzinfo=UTC)
    assert found.values("ts") == [first + timedelta(minutes=15 * step) for step in range(10)]
