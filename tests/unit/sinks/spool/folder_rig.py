"""One owner's directory: filled, abandoned, taken over, spoiled."""

from pathlib import Path

import msgspec
from tests.unit.sinks.spool.spool_rig import SPEC, batch, meters
from utility_ts_analytics.sinks.spool.owner_folder import Losses, OwnerFolder

from utility_ts_analytics.records.reading import Reading
from utility_ts_analytics.sinks.spool.record import encode_record

DECODER: msgspec.json.Decoder[Reading] = msgspec.json.Decoder(SPEC.signed_record_type)
RECORD_BYTES = len(encode_record(batch(0)))


def append(folder: OwnerFolder, number: int, *, per_segment: int = 100) -> None:
    folder.append(encode_record(batch(number)), 1, segment_bytes_max=RECORD_BYTES * per_segment)


def deliver(folder: OwnerFolder) -> list[str]:
    delivered = []
    while rows := deliver_one(folder):
        delivered += rows
    return delivered


def deliver_one(folder: OwnerFolder) -> list[str]:
    """Take out one record; its meters, none if there is none."""
    record = folder.next(DECODER)
    if record is None:
        return []
    assert folder.next(DECODER) == record
    folder.remove(record)
    return meters(record.rows)


def files(folder: OwnerFolder) -> list[str]:
    return sorted(path.name for path in folder.path.iterdir())


def orphan(stream: Path, count: int, *, per_segment: int = 100) -> Path:
    """A directory with batches 0..count-1 whose owner is gone."""
    folder = OwnerFolder.create(stream, Losses())
    for number in range(count):
        append(folder, number, per_segment=per_segment)
    folder.release()
    return folder.path


def taken_over(path: Path, losses: Losses | None = None) -> OwnerFolder:
    folder = OwnerFolder.take_over(path, losses or Losses())
    assert folder is not None
    return folder


def damage(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 0x10
    path.write_bytes(data)
