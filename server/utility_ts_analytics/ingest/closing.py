"""What is open while a `with` lasts."""

from contextlib import ExitStack
from types import TracebackType
from typing import Self


class ClosedAtExit:
    """Closes what it opened when its `with` ends.

    Args:
        stack: Holds what was opened.
    """

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()
