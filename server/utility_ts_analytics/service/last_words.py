"""What a dying worker says, where its supervisor can read it.

Shared memory instead of a file: a full disk or a runtime folder without permission is among the
causes that it has to tell. It is handed on by forking.
"""

import mmap
import signal

_LENGTH_BYTES = 4
TEXT_BYTES_MAX = 2048


class LastWords:
    """One text, kept by whoever forked the processes that may say it. The last one counts.

    Two processes that speak at the same moment may mix their words; nothing worse can happen.
    """

    def __init__(self) -> None:
        self._map = mmap.mmap(-1, _LENGTH_BYTES + TEXT_BYTES_MAX)

    def say(self, text: str) -> None:
        """Keep `text`, cut to `TEXT_BYTES_MAX` bytes of UTF-8."""
        content = text.encode()[:TEXT_BYTES_MAX]
        self._map[_LENGTH_BYTES : _LENGTH_BYTES + len(content)] = content
        self._map[:_LENGTH_BYTES] = len(content).to_bytes(_LENGTH_BYTES, "little")

    def read(self) -> str:
        """Return what was said last; empty if nothing was."""
        length = int.from_bytes(self._map[:_LENGTH_BYTES], "little")
        return self._map[_LENGTH_BYTES : _LENGTH_BYTES + length].decode(errors="replace")


def how_it_ended(exit_code: int) -> str:
    """Describe an exit code of `multiprocessing`, where a signal is a negative number."""
    if exit_code >= 0:
        return f"exit code {exit_code}"
    try:
        return f"killed by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"killed by signal {-exit_code}"
