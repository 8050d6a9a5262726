"""Records that a table could not read, until somebody takes them.

A mapping that sorts hands over its first row when all of the file is read, and a file may have
nothing but bad records: so what would take much memory waits in a temporary file.
"""

import tempfile
import threading
from collections import deque
from typing import BinaryIO, Final, cast

import msgspec

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.pieces import Refused

_HELD_MAX: Final = 4_096
_HELD_BYTES_MAX: Final = 4_194_304
_RECORD_BYTES: Final = 512
"""Of one in memory, its text aside."""


class RefusedQueue:
    """First in, first out; by the number of the record. One thread puts, another may take."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: deque[Refused] = deque()
        self._held_bytes = 0
        self._file: BinaryIO | None = None
        self._file_count = 0
        self._read_at = 0
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(Refused)

    def __len__(self) -> int:
        return len(self._held) + self._file_count

    def put(self, one: Refused) -> None:
        """Add a record; its number is higher than those before.

        Raises:
            OperatorError: There is no room for it on the disk.
        """
        with self._lock:
            if not self._file_count and self._fits():
                self._hold(one)
                return
            data = self._encoder.encode(one)
            try:
                if self._file is None:
                    self._file = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115  see `close`
                self._file.seek(0, 2)
                self._file.write(len(data).to_bytes(4) + data)
            except OSError as error:
                raise OperatorError(
                    f"cannot keep refused records: {error.strerror}; make room in"
                    f" {tempfile.gettempdir()}, or set TMPDIR"
                ) from error
            self._file_count += 1

    def take(self, up_to: int | None) -> list[Refused]:
        """Return the first ones, and forget them: as many as fit into memory at most.

        Args:
            up_to: The last number; None for any.
        """
        with self._lock:
            if not self._held:
                self._load()
            taken: list[Refused] = []
            while self._held and (up_to is None or self._held[0].rec <= up_to):
                taken.append(self._held.popleft())
                self._held_bytes -= _size(taken[-1])
            return taken

    def is_waiting(self, up_to: int | None) -> bool:
        """Tell whether there is more to take."""
        with self._lock:
            if not self._held:
                self._load()
            return bool(self._held) and (up_to is None or self._held[0].rec <= up_to)

    def close(self) -> None:
        """Remove the file. Idempotent."""
        if self._file is not None:
            self._file.close()
            self._file = None
            self._file_count = 0

    def _fits(self) -> bool:
        return len(self._held) < _HELD_MAX and self._held_bytes < _HELD_BYTES_MAX

    def _hold(self, one: Refused) -> None:
        self._held.append(one)
        self._held_bytes += _size(one)

    def _load(self) -> None:
        """Read the next ones back."""
        if self._file is None:
            return
        self._file.seek(self._read_at)
        while self._file_count and self._fits():
            size = int.from_bytes(self._file.read(4))
            self._hold(self._decoder.decode(self._file.read(size)))
            self._file_count -= 1
        self._read_at = self._file.tell()
        if not self._file_count:
            self._file.seek(0)
            self._file.truncate()
            self._read_at = 0


def _size(one: Refused) -> int:
    return _RECORD_BYTES + len(one.text)
