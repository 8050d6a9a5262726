"""A bound on the memory of this process."""

import contextlib
import resource
import threading
from pathlib import Path
from typing import Final

_BYTES_MORE: Final = 2 << 30


class DataBound:
    """Bounds the memory of this process to what it has and 2 GiB more, while a mapping is open."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open = 0
        self._before = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)

    def __enter__(self) -> None:
        with self._lock:
            self._open += 1
            if self._open > 1:
                return
            soft, hard = self._before = resource.getrlimit(resource.RLIMIT_DATA)
            used = 0
            with contextlib.suppress(OSError), Path("/proc/self/statm").open() as statm:
                used = int(statm.read().split()[5]) * resource.getpagesize()
            bound = used + _BYTES_MORE
            if used and (soft == resource.RLIM_INFINITY or bound < soft):
                resource.setrlimit(resource.RLIMIT_DATA, (bound, hard))

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._open -= 1
            if not self._open:
                resource.setrlimit(resource.RLIMIT_DATA, self._before)


DATA_BOUND: Final = DataBound()
"""One for all mappings of the process: the bound stands while any of them is open."""
