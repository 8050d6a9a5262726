"""Every kind of file gives the same rows; one that cannot be read is refused by name."""

import gzip
import io
import json
import sys
from pathlib import Path

import pytest
import zstandard
from tests.unit.ingest.reading_file_rig import (
    GOOD,
    GOOD_JSON,
    HEADER,
    LINE_BYTES_MAX,
    METER_RULES,
    codes,
    csv_file,
    places,
    read,
    written,
)

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.ingest.reading_files import FileSource, open_readings


@pytest.mark.parametrize(
    ("name", "packed"),
    [
        ("r.ndjson", GOOD_JSON),
        ("r.jsonl", GOOD_JSON),
        ("r.csv", f"{HEADER}\n{GOOD}\n".encode()),
        ("r.ndjson.gz", gzip.compress(GOOD_JSON, mtime=0)),
        ("r.jsonl.zst", zstandard.compress(GOOD_JSON)),
        ("r.csv.gz", gzip.compress(f"{HEADER}\n{GOOD}\n".encode(), mtime=0)),
        ("r.csv.zst", zstandard.compress(f"{HEADER}\n{GOOD}\n".encode())),
    ],
)
def test_every_kind_of_file_gives_the_same_row(tmp_path: Path, name: str, packed: bytes) -> None:
    [(_, plain)], _ = read(written(tmp_path, "plain.ndjson", GOOD_JSON))
    rows, errors = read(written(tmp_path, name, packed))
    assert [row for _, row in rows] == [plain]
    assert plain.event_id is not None
    assert errors == []


def test_dash_is_ndjson_on_standard_input_and_leaves_it_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(GOOD_JSON * 2))
    monkeypatch.setattr(sys, "stdin", stdin)
    rows, errors = read(Path("-"))
    assert (places(rows), errors) == ([1, 2], [])
    assert not stdin.buffer.closed


@pytest.mark.parametrize("name", ["readings", "readings.txt", "readings.gz", "readings.csv.bz2"])
def test_unknown_kind_is_refused_with_the_kinds_that_there_are(tmp_path: Path, name: str) -> None:
    with pytest.raises(OperatorError, match=r"must end in \.ndjson, \.jsonl or \.csv"):
        open_readings(written(tmp_path, name, GOOD_JSON), METER_RULES)


def test_missing_file_and_directory_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"missing\.csv: No such file"):
        open_readings(tmp_path / "missing.csv", METER_RULES)
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(OperatorError, match=r"folder\.csv: Is a directory"):
        open_readings(tmp_path / "folder.csv", METER_RULES)


def test_file_is_closed_on_leaving(tmp_path: Path) -> None:
    readings = open_readings(csv_file(tmp_path, GOOD), METER_RULES)
    with readings:
        pass
    with pytest.raises(ValueError, match="closed file"):
        list(readings)


def test_bad_ndjson_lines_are_named_and_the_rest_is_read(tmp_path: Path) -> None:
    long_line = b'{"x":"' + b"a" * LINE_BYTES_MAX + b'"}\n'
    content = b"{\n" + GOOD_JSON + b"\n" + long_line + GOOD_JSON.rstrip()
    rows, errors = read(written(tmp_path, "r.ndjson", content))
    assert places(rows) == [2, 5]
    assert codes(errors) == [(1, "invalid-json", None), (4, "line-too-long", None)]
    assert "max_line_bytes" in errors[1].detail


@pytest.mark.parametrize("suffix", ["gz", "zst"])
@pytest.mark.parametrize("kind", ["ndjson", "csv"])
def test_cut_compressed_file_hands_out_whole_lines_and_is_refused_at_its_end(
    tmp_path: Path, kind: str, suffix: str
) -> None:
    number_lines = [f"2024-01-01T00:00:00Z,m-{number},{number},," for number in range(5_000)]
    lines = [HEADER, *number_lines]
    if kind == "ndjson":
        lines = [
            json.dumps({"ts": "2024-01-01T00:00:00Z", "meter_id": f"m-{number}", "kwh": number})
            for number in range(5_000)
        ]
    plain = "\n".join(lines).encode()
    packed = gzip.compress(plain) if suffix == "gz" else zstandard.compress(plain)
    path = written(tmp_path, f"r.{kind}.{suffix}", packed[:-20])
    values: list[float] = []

    def read(readings: FileSource) -> None:
        for decoded in readings:
            assert not decoded.errors
            values.extend(getattr(row, "kwh", -1.0) for row in decoded.rows)

    complaint = rf"r\.{kind}\.{suffix}: .*ends early"
    with open_readings(path, METER_RULES) as source, pytest.raises(OperatorError, match=complaint):
        read(source)
    assert 3_000 < len(values) < 5_000
    assert values == list(range(len(values)))


def test_file_that_is_not_what_its_name_says_is_refused(tmp_path: Path) -> None:
    for suffix in ("gz", "zst"):
        with pytest.raises(OperatorError, match=f"ndjson.{suffix}: cannot"):
            read(written(tmp_path, f"r.ndjson.{suffix}", GOOD_JSON))
