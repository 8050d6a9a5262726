import os
from collections.abc import Iterator

import msgspec
import pytest
from tests.unit.sinks.spool.spool_rig import SPEC, batch, meters
from utility_ts_analytics.sinks.spool.segment_reader import Bad, Good, count_rows, read_record

from utility_ts_analytics.records.reading import Reading
from utility_ts_analytics.sinks.spool import segment_reader
from utility_ts_analytics.sinks.spool.record import HEAD_BYTES, MAGIC, encode_record

DECODER: msgspec.json.Decoder[Reading] = msgspec.json.Decoder(SPEC.signed_record_type)
RECORDS = [encode_record(batch(number, number + 1)) for number in range(3)]
ENDS = [len(b"".join(RECORDS[: count + 1])) for count in range(3)]
WHOLE = b"".join(RECORDS)


@pytest.fixture
def fd() -> Iterator[int]:
    file = os.memfd_create("segment")
    yield file
    os.close(file)


def read_all(fd: int, data: bytes) -> list[Good | Bad]:
    os.ftruncate(fd, 0)
    os.pwrite(fd, data, 0)
    found: list[Good | Bad] = []
    offset = 0
    while offset < len(data):
        found.append(read_record(fd, offset, len(data), DECODER))
        assert offset < found[-1].end <= len(data)
        offset = found[-1].end
    return found


def batches(found: list[Good | Bad]) -> list[list[str]]:
    return [meters(record.rows) for record in found if isinstance(record, Good)]


ALL = [meters(batch(number, number + 1)) for number in range(3)]


def test_whole_segment_gives_every_record(fd: int) -> None:
    assert batches(read_all(fd, WHOLE)) == ALL
    assert count_rows(fd, 0, len(WHOLE)) == 6
    assert count_rows(fd, ENDS[0], len(WHOLE)) == 5
    assert count_rows(fd, len(WHOLE), len(WHOLE)) == 0


def test_cut_anywhere_is_a_torn_tail_behind_whole_records(fd: int) -> None:
    for length in range(len(WHOLE) + 1):
        found = read_all(fd, WHOLE[:length])
        whole = sum(end <= length for end in ENDS)
        assert batches(found) == ALL[:whole]
        tail = found[whole:]
        assert [type(part) for part in tail] == ([] if length in (0, *ENDS) else [Bad])
        assert all(isinstance(part, Bad) and part.torn for part in tail)
        assert count_rows(fd, 0, length) == sum(range(1, whole + 1))


def test_any_flipped_bit_costs_one_record_and_no_other(fd: int) -> None:
    for bit in range(len(WHOLE) * 8):
        data = bytearray(WHOLE)
        data[bit // 8] ^= 1 << bit % 8
        hit = sum(end <= bit // 8 for end in ENDS)
        found = read_all(fd, bytes(data))
        assert batches(found) == ALL[:hit] + ALL[hit + 1 :]
        bad = found[hit]
        in_payload = bit // 8 - (0, *ENDS)[hit] >= HEAD_BYTES
        assert bad == Bad(ENDS[hit], hit + 1 if in_payload else None, torn=False)


def test_bytes_that_went_missing_cost_one_record_and_no_other(fd: int) -> None:
    """The header is whole, but where it says that the next record starts is the middle of it."""
    data = WHOLE[: ENDS[1] - 10] + WHOLE[ENDS[1] :]
    found = read_all(fd, data)
    assert batches(found) == [ALL[0], ALL[2]]
    assert found[1] == Bad(ENDS[1] - 10, 2, torn=False)
    assert count_rows(fd, 0, len(data)) == 3


@pytest.mark.parametrize("noise", [b"\0" * 500, b"\n" * 7, MAGIC[1:] * 9, b"\xff" * 9])
def test_noise_between_records_is_skipped(fd: int, noise: bytes) -> None:
    found = read_all(fd, RECORDS[0] + noise + RECORDS[1])
    assert batches(found) == ALL[:2]
    assert found[1] == Bad(ENDS[0] + len(noise), None, torn=False)
    assert count_rows(fd, 0, ENDS[1] + len(noise)) == 3


def test_zeros_at_the_end_are_damage_not_a_cut(fd: int) -> None:
    assert read_all(fd, WHOLE + bytes(30))[3] == Bad(len(WHOLE) + 30, None, torn=False)


@pytest.mark.parametrize("offset", range(54, 74))
def test_magic_across_two_windows_is_found(
    fd: int, offset: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segment_reader, "_WINDOW_BYTES", 32)
    found = read_all(fd, b"x" * offset + RECORDS[0])
    assert found[0] == Bad(offset, None, torn=False)
    assert batches(found) == ALL[:1]


def test_segment_that_was_cut_while_open_is_damage(fd: int) -> None:
    os.pwrite(fd, RECORDS[1][:-5], 0)
    assert read_record(fd, 0, len(RECORDS[1]), DECODER) == Bad(len(RECORDS[1]), 2, torn=False)
    os.ftruncate(fd, 0)
    assert read_record(fd, 0, len(RECORDS[1]), DECODER) == Bad(len(RECORDS[1]), None, torn=False)
    assert count_rows(fd, 0, len(RECORDS[1])) == 0


def test_unfinished_record_before_another_is_damage_not_a_cut(fd: int) -> None:
    found = read_all(fd, RECORDS[2][:30] + RECORDS[0])
    assert found[0] == Bad(30, 3, torn=False)
    assert batches(found) == ALL[:1]


def test_what_lies_behind_the_end_is_not_handed_out(fd: int) -> None:
    """An append that failed may have left more in the file than counts."""
    os.pwrite(fd, RECORDS[1], 0)
    assert read_record(fd, 0, len(RECORDS[1]) - 1, DECODER) == Bad(
        len(RECORDS[1]) - 1, 2, torn=True
    )


def test_file_that_cannot_be_read_raises(fd: int) -> None:
    with pytest.raises(OSError, match="Bad file descriptor"):
        read_record(-1, 0, 10, DECODER)
    with pytest.raises(OSError, match="Bad file descriptor"):
        count_rows(-1, 0, 10)
