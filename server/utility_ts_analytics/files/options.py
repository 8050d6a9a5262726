"""What a load was asked for. Imports nothing that reads files, since the command line needs it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from utility_ts_analytics.files.file_kinds import FileKind

REFUSED_MAX: Final = 100_000
"""Default of `--max-refused`: a file with more is not of the kind that the mapping is for."""


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """The options of `load`.

    Attributes:
        paths: Files, folders, and `-` for standard input.
        stream: One of `STREAMS`.
        mapping: SQL file of the mapping; None where columns or members are named as the fields.
        kind: Kind of every input, whatever its name and content; None finds out.
        refused: Folder for refused records; None drops them, counted.
        refused_max: Records of one input that may be refused; 0 sets no bound.
        last_wins: Whether rows may replace earlier ones of the load with other values.
        journal: Folder for the journal; None is the default one.
        restart: Ignore the journal of an interrupted run.
        dry_run: Store nothing.
        as_json: Print the report as JSON.
    """

    paths: Sequence[Path]
    stream: str
    mapping: Path | None = None
    kind: FileKind | None = None
    refused: Path | None = None
    refused_max: int = REFUSED_MAX
    last_wins: bool = False
    journal: Path | None = None
    restart: bool = False
    dry_run: bool = False
    as_json: bool = False
