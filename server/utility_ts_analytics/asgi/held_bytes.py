"""How many bytes of array bodies one worker holds: unlike lines, they are held until complete."""

import contextlib
from collections.abc import Callable, Iterator

from utility_ts_analytics.errors import Overloaded

_RETRY_AFTER_S = 2


class HeldBytes:
    """The bound on all array bodies of a worker together. One event loop.

    Args:
        bytes_max: Of all bodies, once decompressed. One body alone may be larger: it has a bound
            of its own, and could otherwise never come in.
    """

    def __init__(self, bytes_max: int) -> None:
        self.held_bytes = 0
        self._bytes_max = bytes_max

    @contextlib.contextmanager
    def body(self) -> Iterator[Callable[[int], None]]:
        """Account for one body until the end of the `with` block.

        Returns:
            What to call with the size of each piece before it is kept. It raises `Overloaded`
            where the bodies of others leave no room; no row of an array is taken by then.
        """
        own_bytes = 0

        def hold_or_raise(size_bytes: int) -> None:
            nonlocal own_bytes
            others = self.held_bytes > own_bytes
            if others and self.held_bytes + size_bytes > self._bytes_max:
                raise Overloaded(
                    f"the worker holds {self.held_bytes} bytes of array bodies already"
                    " (channel_capacity_bytes); NDJSON is not held",
                    _RETRY_AFTER_S,
                )
            own_bytes += size_bytes
            self.held_bytes += size_bytes

        try:
            yield hold_or_raise
        finally:
            self.held_bytes -= own_bytes
