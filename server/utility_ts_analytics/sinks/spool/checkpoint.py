"""How far the segments of one directory have been delivered: one small file, written in place.

20 bytes, little-endian: segment number (8), offset in it (8), CRC-32 of both (4). Segments with
lower numbers are delivered, also where their removal did not reach the disk. A checkpoint that is
missing or damaged means that nothing is delivered: rows twice are harmless, rows missing are not.
"""

import os
import struct
import zlib
from pathlib import Path
from typing import Final

NAME: Final = "checkpoint"

_PLACE: Final = struct.Struct("<QQ")
_CRC: Final = struct.Struct("<I")


def write_checkpoint(folder: Path, number: int, offset: int) -> None:
    """Write it and wait until it is on the disk.

    In place, so that the space for it is there from the first one on, also on a full disk.

    Raises:
        OSError: It may be the old one, the new one, or damaged.
    """
    place = _PLACE.pack(number, offset)
    fd = os.open(folder / NAME, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        os.pwrite(fd, place + _CRC.pack(zlib.crc32(place)), 0)
        os.fdatasync(fd)
    finally:
        os.close(fd)


def read_checkpoint(folder: Path) -> tuple[int, int]:
    """Return segment number and offset; (0, 0) if there is none that can be trusted."""
    try:
        data = (folder / NAME).read_bytes()
    except OSError:
        return 0, 0
    if len(data) != _PLACE.size + _CRC.size:
        return 0, 0
    place = data[: _PLACE.size]
    if _CRC.unpack_from(data, _PLACE.size)[0] != zlib.crc32(place):
        return 0, 0
    number, offset = _PLACE.unpack(place)
    return number, offset
