"""A refused row is on the disk before its request is told, can be posted again, and is bounded."""

import asyncio
import json
import multiprocessing
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.delivery.dead_letters import DeadLetters, Letter, letter_line
from utility_ts_analytics.reading.lines import LineBlock
from utility_ts_analytics.reading.ndjson import NdjsonDecoder
from utility_ts_analytics.records.streams import STREAMS, MeterUsage
from utility_ts_analytics.records.validation import TS_END

TS = datetime(2026, 1, 1, 0, 15, 0, 7, tzinfo=UTC)
EVENT_ID = "00000000-0000-8000-8000-000000000001"


def letter(number: int = 0, premise_id: str | None = None) -> Letter:
    meter_id = f"m-{number}"
    row = MeterUsage(ts=TS, meter_id=meter_id, kwh=1.5, event_id=EVENT_ID, premise_id=premise_id)
    return Letter(row, "the column says no", "request-1", 17 + number)


def keep(folder: Path, letters: Sequence[Letter], *, max_bytes: int = 10_000) -> list[bool]:
    async def main() -> list[bool]:
        keeper = DeadLetters(
            folder, "meter_usage", dead_letter_max_bytes=max_bytes, clock=ManualClock()
        )
        kept = [await keeper.keep(one) for one in letters]
        await keeper.close()
        await keeper.close()
        return kept

    return asyncio.run(main())


def lines(folder: Path) -> list[bytes]:
    return (folder / "meter_usage.ndjson").read_bytes().splitlines()


def test_line_is_the_record_with_reason_and_request(tmp_path: Path) -> None:
    assert keep(tmp_path / "new" / "letters", [letter()]) == [True]
    [line] = lines(tmp_path / "new" / "letters")
    assert json.loads(line) == {
        "ts": "2026-01-01T00:15:00.000007Z",
        "event_id": EVENT_ID,
        "meter_id": "m-0",
        "kwh": 1.5,
        "dead_letter": {
            "reason": "the column says no",
            "request_id": "request-1",
            "position": 17,
            "refused_at": "2023-11-14T22:13:20Z",
        },
    }


def test_file_can_be_posted_again_and_gives_the_same_rows(tmp_path: Path) -> None:
    kept = [letter(number, premise_id='a"\n\\é😀') for number in range(3)]
    keep(tmp_path, kept)
    spec = STREAMS["meter_usage"]
    body = (tmp_path / "meter_usage.ndjson").read_bytes()
    decoded = NdjsonDecoder(spec, spec.record_type).decode(LineBlock.of(body, 1), ts_end=TS_END)
    assert decoded.errors == []
    assert list(decoded.rows) == [one.row for one in kept]


def test_only_the_owner_can_read_the_readings(tmp_path: Path) -> None:
    keep(tmp_path / "letters", [letter()])
    assert (tmp_path / "letters").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "letters" / "meter_usage.ndjson").stat().st_mode & 0o777 == 0o600


def test_full_file_takes_no_more_and_the_letters_in_it_stay(tmp_path: Path) -> None:
    size = len(letter_line(letter(), TS))
    assert keep(tmp_path, [letter(n) for n in range(3)], max_bytes=2 * size) == [True, True, False]
    assert len(lines(tmp_path)) == 2
    (tmp_path / "meter_usage.ndjson").rename(tmp_path / "taken-away")
    assert keep(tmp_path, [letter()], max_bytes=2 * size) == [True]


def test_folder_that_cannot_be_made_is_no_fault_of_the_request(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert keep(tmp_path / "file", [letter()]) == [False]


def test_half_a_line_is_cut_off_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert keep(tmp_path, [letter(0)]) == [True]
    write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda file, line: write(file, line[:10]))
        assert keep(tmp_path, [letter(1)]) == [False]
    assert keep(tmp_path, [letter(2)]) == [True]
    assert [json.loads(line)["meter_id"] for line in lines(tmp_path)] == ["m-0", "m-2"]


def _keep_many(folder: Path, first: int) -> None:
    assert all(keep(folder, [letter(first + n) for n in range(40)], max_bytes=10**6))


def test_letters_of_several_processes_never_mix(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_keep_many, args=(tmp_path, 100 * n)) for n in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    meters = {msgspec.json.decode(line)["meter_id"] for line in lines(tmp_path)}
    assert len(lines(tmp_path)) == len(meters) == 120
