"""What a lane tells others about its work, for counters and logs."""

from typing import Protocol


class LaneObserver(Protocol):
    """Told what a lane does, once per batch or attempt, never per row. Must not raise or wait.

    `sink` is a `Sink.name`.
    """

    def delivered(self, rows: int, seconds: float, *, sink: str) -> None:
        """`rows` are stored; it took `seconds` from the first attempt to the acknowledgement."""

    def retried(self, reason: str, *, sink: str) -> None:
        """An attempt failed and is repeated. `reason` is a `FailureCode` or `in-doubt`."""

    def failed(self, rows: int, reason: str) -> None:
        """`rows` were given back unstored, for good. `reason` is a `FailureCode`."""

    def rejected(self, rows: int) -> None:
        """The database refused `rows` for good."""

    def spooled(self, rows: int) -> None:
        """`rows` are on this machine's disk, to be stored later; then `delivered` counts them."""

    def fell_back(self, *, active: bool) -> None:
        """The lane goes by the second choice from now on, or by the first one again."""


class SilentObserver:
    """Takes no notice."""

    def delivered(self, rows: int, seconds: float, *, sink: str) -> None:
        """Do nothing."""

    def retried(self, reason: str, *, sink: str) -> None:
        """Do nothing."""

    def failed(self, rows: int, reason: str) -> None:
        """Do nothing."""

    def rejected(self, rows: int) -> None:
        """Do nothing."""

    def spooled(self, rows: int) -> None:
        """Do nothing."""

    def fell_back(self, *, active: bool) -> None:
        """Do nothing."""
