"""Rows of a load that replace earlier ones: counted over all files, the first told with values."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path, PurePath

import pytest
from tests.unit.files.piece_rig import SPEC

from utility_ts_analytics.config import Config
from utility_ts_analytics.errors import ConfigError
from utility_ts_analytics.files.inputs import Input
from utility_ts_analytics.files.options import LoadOptions
from utility_ts_analytics.files.pieces import START, PieceSource, Place
from utility_ts_analytics.files.replaced import replaced_rows, replacements
from utility_ts_analytics.files.replaced.replaced_rows import (
    ReplacedCount,
    VersionTaker,
    with_replaced,
)
from utility_ts_analytics.files.result import Account, FileResult, LoadResult
from utility_ts_analytics.files.sources.opening import Opening

WALL_NS = 1_750_000_000 * 10**9


def record(hour: int, kwh: float, meter: str = "m", **more: str) -> dict[str, object]:
    return {"ts": f"2024-01-01T{hour:02}:00:00Z", "meter_id": meter, "kwh": kwh, **more}


def written(path: Path, records: Sequence[dict[str, object]]) -> Path:
    """Write CSV or NDJSON, as the name says."""
    if path.suffix == ".csv":
        lines = ["ts,meter_id,kwh,premise_id"]
        lines += [
            ",".join(str(one.get(name, "")) for name in ("ts", "meter_id", "kwh", "premise_id"))
            for one in records
        ]
        path.write_text("\n".join(lines) + "\n")
    else:
        path.write_text("".join(json.dumps(one) + "\n" for one in records))
    return path


class Counted:
    """A load's counting, with the inputs that it reads."""

    def __init__(self, *paths: Path, mapping: Path | None = None) -> None:
        options = LoadOptions(paths, "meter_usage", mapping=mapping, dry_run=True)
        self.opening = Opening(Config(), options, wall_ns=WALL_NS)
        self.inputs = [Input(path, PurePath(path.name), path.stat().st_size) for path in paths]
        self.opened: list[str] = []
        self.count = ReplacedCount(SPEC, self.inputs, self.open)

    def open(self, entry: Input, place: Place, versions: VersionTaker) -> PieceSource:
        self.opened.append(entry.path.name)
        return self.opening.open_input(entry, place, versions)

    def read(self) -> None:
        for entry in self.inputs:
            self.count.begin(entry)
            with self.open(entry, START, self.count.taker) as source:
                for _ in source:
                    pass
        self.opened.clear()

    def finish(self, *, hurried: bool = False) -> tuple[LoadResult, Sequence[str]]:
        files = [FileResult(entry, Account(), "complete") for entry in self.inputs]
        results, notices = with_replaced(files, self.count, lambda: hurried)
        return LoadResult(results), notices


def told(result: LoadResult) -> dict[str, tuple[int, str]]:
    return {
        file.input.path.name: (file.replaced.count, file.replaced.first)
        for file in result.files
        if file.replaced is not None
    }


@pytest.mark.parametrize("suffix", [".csv", ".ndjson"])
def test_rows_that_replace_others_of_their_file_are_counted_and_the_first_told(
    tmp_path: Path, suffix: str
) -> None:
    rows = [
        record(1, 1.5),
        record(2, 2),
        record(1, 1.5),
        record(1, 9),
        record(2, 3, premise_id="p"),
    ]
    counted = Counted(written(tmp_path / f"a{suffix}", rows))
    counted.read()
    result, notices = counted.finish()
    assert told(result) == {
        f"a{suffix}": (
            2,
            "record 4 replaces record 3 (2024-01-01T01:00:00Z, m): kwh 1.5 -> 9",
        )
    }
    assert (notices, result.may_replace(last_wins=False)) == ([], False)


def test_rows_that_are_the_same_again_replace_nothing(tmp_path: Path) -> None:
    rows = [record(hour, hour) for hour in range(24)]
    paths = [written(tmp_path / name, rows) for name in ("a.csv", "b.ndjson")]
    counted = Counted(*paths, *paths)
    counted.read()
    result, _ = counted.finish()
    assert (told(result), result.may_replace(last_wins=False)) == ({}, True)


def test_row_of_an_earlier_file_is_told_with_its_name(tmp_path: Path) -> None:
    first = written(tmp_path / "a.csv", [record(1, 1), record(2, 2)])
    second = written(tmp_path / "b.ndjson", [record(3, 3), record(2, 5, premise_id="p")])
    third = written(tmp_path / "c.csv", [record(2, 2)])
    counted = Counted(first, second, third)
    counted.read()
    result, _ = counted.finish()
    key = "(2024-01-01T02:00:00Z, m)"
    assert told(result) == {
        "b.ndjson": (
            1,
            f"record 2 replaces record 2 of {first} {key}: kwh 2 -> 5, premise_id absent -> p",
        ),
        "c.csv": (
            1,
            f"record 1 replaces record 2 of {second} {key}: kwh 5 -> 2, premise_id p -> absent",
        ),
    }


def test_value_that_comes_back_is_found_at_its_own_record(tmp_path: Path) -> None:
    """The hashes of records 1 and 3 are the same: the pair is 1 and 2."""
    counted = Counted(written(tmp_path / "a.csv", [record(1, 1), record(1, 2), record(1, 1)]))
    counted.read()
    [(count, first)] = told(counted.finish()[0]).values()
    assert (count, first) == (
        2,
        "record 2 replaces record 1 (2024-01-01T01:00:00Z, m): kwh 1 -> 2",
    )
    other = [record(1, 5, "other"), record(1, 1), record(1, 1, "other")]
    counted = Counted(written(tmp_path / "b.csv", [record(1, 1), record(1, 1), *other]))
    counted.read()
    [(_, first)] = told(counted.finish()[0]).values()
    assert first == "record 5 replaces record 3 (2024-01-01T01:00:00Z, other): kwh 5 -> 1"


def test_rows_of_a_mapping_are_told_by_the_records_of_the_file(tmp_path: Path) -> None:
    mapping = tmp_path / "m.sql"
    mapping.write_text(
        "SELECT rec, ts, 'm' AS meter_id, num(kwh) AS kwh FROM csv($path) WHERE kwh <> '0'"
    )
    rows = [record(1, 0), record(1, 1, "a"), record(2, 2), record(1, 3, "b")]
    counted = Counted(written(tmp_path / "a.csv", rows), mapping=mapping)
    counted.read()
    [(count, first)] = told(counted.finish()[0]).values()
    assert (count, first) == (
        1,
        "record 4 replaces record 2 (2024-01-01T01:00:00Z, m): kwh 1 -> 3",
    )


def test_refused_rows_replace_nothing(tmp_path: Path) -> None:
    counted = Counted(written(tmp_path / "a.csv", [record(1, 1), record(1, -1)]))
    counted.read()
    assert told(counted.finish()[0]) == {}


def test_who_wants_the_end_gets_the_counts_without_reading_again(tmp_path: Path) -> None:
    counted = Counted(written(tmp_path / "a.csv", [record(1, 1), record(1, 2)]))
    counted.read()
    result, _ = counted.finish(hurried=True)
    assert told(result) == {"a.csv": (1, "record 2 replaces record 1")}
    assert counted.opened == []


def test_no_more_than_a_few_files_are_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replaced_rows, "FILES_READ_AGAIN_MAX", 2)
    rows = [record(1, 1), record(1, 2)]
    paths = [
        written(tmp_path / f"{number}.csv", [{**row, "meter_id": f"m{number}"} for row in rows])
        for number in range(4)
    ]
    counted = Counted(*paths)
    counted.read()
    found = told(counted.finish()[0])
    assert [first.endswith("kwh 1 -> 2") for _, first in found.values()] == [
        *(True, True, False, False)
    ]
    assert set(counted.opened) == {"0.csv", "1.csv"}


@pytest.mark.parametrize("change", ["gone", "broken", "config"])
def test_file_that_cannot_be_read_again_is_told_without_values(
    tmp_path: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "a.csv", [record(1, 1), record(1, 2)])
    counted = Counted(path)
    counted.read()
    if change == "gone":
        path.unlink()
    elif change == "broken":
        path.write_text("x\n1\n")
    else:
        monkeypatch.setattr(counted.opening, "open_input", lambda *_: _raise(ConfigError(["no"])))
    result, notices = counted.finish()
    assert told(result) == {"a.csv": (1, "record 2 replaces record 1")}
    assert notices == []


def _raise(error: Exception) -> PieceSource:
    raise error


def test_fault_in_counting_does_not_cost_the_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Counted(written(tmp_path / "a.csv", [record(1, 1), record(1, 2)]))
    counted.read()
    monkeypatch.setattr(counted.opening, "open_input", lambda *_: _raise(RuntimeError("broken")))
    result, notices = counted.finish()
    assert [file.state for file in result.files] == ["complete"]
    assert notices == ["rows that replace others may not all be counted: RuntimeError('broken')"]


def test_rows_that_were_put_away_are_compared_and_leave_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setattr(
        replaced_rows, "Replacements", lambda: replacements.Replacements(memory_bytes=100_000)
    )
    rows = [record(number % 24, number // 24, f"m{number % 97}") for number in range(20_000)]
    counted = Counted(written(tmp_path / "a.csv", rows))
    counted.read()
    latest: dict[object, float] = {}
    expected = 0
    for number, row in enumerate(rows):
        key = (row["ts"], row["meter_id"])
        expected += key in latest and latest[key] != number // 24
        latest[key] = number // 24
    [(count, first)] = told(counted.finish()[0]).values()
    assert (count, "kwh" in first) == (expected, True)
    assert list(folder.iterdir()) == []
    counted.count.close()
