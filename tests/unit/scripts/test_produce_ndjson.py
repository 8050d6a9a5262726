"""Generated readings are valid, distinct and repeatable; bad ones are bad for either stream."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

import produce_ndjson
from utility_ts_analytics.reading.lines import LineBlock
from utility_ts_analytics.reading.ndjson import NdjsonDecoder
from utility_ts_analytics.records.streams import STREAMS, StreamSpec
from utility_ts_analytics.records.validation import TS_END

SCRIPT = Path(produce_ndjson.__file__)
KINDS = [("meter-usage", "meter_usage"), ("generation-output", "generation_output")]


def produce(*arguments: str) -> tuple[bytes, str]:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, check=True, timeout=60
    )
    return done.stdout, done.stderr.decode()


def decode(spec: StreamSpec, data: bytes) -> tuple[int, int, set[tuple[object, ...]]]:
    decoder = NdjsonDecoder(spec, spec.record_type)
    decoded = decoder.decode(LineBlock.of(data, 1), ts_end=TS_END)
    keys = {tuple(getattr(row, key) for key in spec.dedup_keys) for row in decoded.rows}
    return len(decoded.rows), len(decoded.errors), keys


@pytest.mark.parametrize(("kind", "stream"), KINDS)
def test_every_line_is_a_valid_reading_with_a_key_of_its_own(kind: str, stream: str) -> None:
    data, _ = produce(kind, "--count", "2500", "--meters", "100")
    rows, errors, keys = decode(STREAMS[stream], data)
    assert (rows, errors, len(keys)) == (2500, 0, 2500)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not() -> None:
    first, _ = produce("meter-usage", "--count", "300", "--seed", "7")
    assert first == produce("meter-usage", "--count", "300", "--seed", "7")[0]
    assert first != produce("meter-usage", "--count", "300", "--seed", "8")[0]


@pytest.mark.parametrize(("kind", "stream"), KINDS)
def test_bad_lines_are_as_many_as_stated_and_every_kind_is_refused(kind: str, stream: str) -> None:
    data, said = produce(kind, "--count", "1000", "--bad-share", "0.1")
    rows, errors, _ = decode(STREAMS[stream], data)
    assert rows + errors == 1000
    assert said.startswith(f"{errors} of 1000 lines")
    assert errors > 50
    for line in produce_ndjson.BAD_LINES:
        assert decode(STREAMS[stream], line + b"\n")[:2] == (0, 1), line


def test_households_peak_in_the_evening_and_offices_rest_at_the_weekend() -> None:
    household = produce_ndjson.day_shape("household", weekend=False)
    assert 72 <= household.index(max(household)) <= 82
    office = produce_ndjson.day_shape("commercial", weekend=False)
    assert max(office) > 2 * max(produce_ndjson.day_shape("commercial", weekend=True))


def test_the_start_is_taken_in_utc() -> None:
    start = datetime(2024, 5, 1, tzinfo=UTC)
    line = next(iter(produce_ndjson.meter_lines(1, meters=1, start=start, seed=1)))
    assert line.startswith('{"ts":"2024-05-01T00:00:00Z"')
    data, _ = produce("meter-usage", "--count", "1", "--start", "2024-05-01T02:00:00+02:00")
    assert data.startswith(b'{"ts":"2024-05-01T00:00:00Z"')


def test_a_reader_that_has_seen_enough_is_no_error_message() -> None:
    command = f"{sys.executable} {SCRIPT} meter-usage --count 200000 | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=True, timeout=60)
    assert done.stderr == b""
    assert done.stdout.count(b"\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [["--count", "0"], ["--count", "1", "--bad-share", "2"], ["--count", "1", "--start", "2024"]],
)
def test_wrong_arguments_are_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        produce_ndjson.main(["meter-usage", *arguments])
    assert caught.value.code == 2
