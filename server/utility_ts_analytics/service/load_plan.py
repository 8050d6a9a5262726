"""What one load is to do: its inputs, how they are opened, where their refused rows go."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from utility_ts_analytics.ingest.file_kinds import FileKind
from utility_ts_analytics.ingest.inputs import Input
from utility_ts_analytics.ingest.pieces import PieceSource, Place


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """What was asked for on the command line.

    Attributes:
        paths: Files, folders, `-`.
        stream: One of `STREAMS`.
        mapping: File of the mapping.
        kind: Of all inputs, whatever their names say.
        refused: Folder for refused rows.
        journal: Folder for the journal; None is the usual one.
        restart: Begin anew whatever a journal says.
        dry_run: Store nothing.
        as_json: Print the facts as JSON.
    """

    paths: Sequence[Path]
    stream: str
    mapping: Path | None = None
    kind: FileKind | None = None
    refused: Path | None = None
    journal: Path | None = None
    restart: bool = False
    dry_run: bool = False
    as_json: bool = False


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """What is done about it.

    Attributes:
        inputs: In the order in which they are loaded.
        skipped: Files of folders that are of no known kind.
        open_input: Opens an input at a place. Raises OperatorError.
        refused_path: Where the refused rows of an input go; None drops them.
    """

    inputs: Sequence[Input]
    skipped: Sequence[Path]
    open_input: Callable[[Input, Place], PieceSource]
    refused_path: Callable[[Input], Path | None]

    @property
    def bytes_total(self) -> int | None:
        """Of all inputs on disk; None where one has no size."""
        sizes = [entry.size_bytes for entry in self.inputs]
        return None if None in sizes else sum(size or 0 for size in sizes)
