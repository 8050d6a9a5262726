"""What became of a load and of each of its inputs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from utility_ts_analytics.ingest.account import Account
from utility_ts_analytics.ingest.inputs import Input

State = Literal["complete", "complete-before", "incomplete", "failed"]


@dataclass(frozen=True, slots=True)
class FileResult:
    """What became of one input.

    Attributes:
        input: It.
        account: Its counts; those of interrupted runs included.
        state: `complete`: read to its end, every row settled. `complete-before`: by an interrupted
            run, not read again. `incomplete`: the load ended before. `failed`: it cannot be read.
        problem: Why it is not complete.
        resumed_lines: Lines that an interrupted run had settled.
        refused_path: Where its refused rows are; None without.
    """

    input: Input
    account: Account
    state: State
    problem: str | None = None
    resumed_lines: int = 0
    refused_path: Path | None = None

    @property
    def complete(self) -> bool:
        """Whether every line has its end."""
        return self.state in ("complete", "complete-before")


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What became of a load.

    Attributes:
        files: One for each input that was begun, in order.
        stopped: Why the load ended before its last input's end; None if it did not.
        notices: What the person who runs it should know, one line each.
        reader_stuck: Whether a thread still waits for standard input.
    """

    files: Sequence[FileResult]
    stopped: str | None = None
    notices: Sequence[str] = ()
    reader_stuck: bool = False

    @property
    def complete(self) -> bool:
        """Whether every input was read to its end."""
        return self.stopped is None and all(file.complete for file in self.files)

    @property
    def ok(self) -> bool:
        """Whether every line of every input is stored."""
        return self.complete and all(file.account.refused_rows == 0 for file in self.files)
