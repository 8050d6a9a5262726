"""The books of one input while it is loaded: its account, its refused rows, its journal.

Pieces are settled here in the order of the input, each once all its rows have an end; then its
refused rows are written, and only then may the journal say that everything up to it is settled.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from utility_ts_analytics.buffering.block import Settlement
from utility_ts_analytics.ingest.account import Account
from utility_ts_analytics.ingest.identity import FileIdentity
from utility_ts_analytics.ingest.journal import FileRecord, Journal
from utility_ts_analytics.ingest.pieces import START, Piece, Place, RefusedText
from utility_ts_analytics.ingest.refused_files import RefusedFile, finish_refused

_OWNER_DIGITS: Final = 8


@dataclass(frozen=True, slots=True)
class Kept:
    """Where an input's progress is kept.

    Attributes:
        journal: Of the command.
        identity: Of the input.
    """

    journal: Journal
    identity: FileIdentity

    @property
    def owner(self) -> str:
        """Return what names the files of this input and command, the same in each of its runs."""
        named = f"{self.journal.path.absolute()}\0{self.identity.path}"
        return hashlib.sha256(named.encode(errors="surrogateescape")).hexdigest()[:_OWNER_DIGITS]


class FileBooks:
    """One input's books. `settle` and `checkpoint` may wait for the disk; one call at a time.

    Args:
        refused_path: Where refused rows go; None drops them, counted.
        kept: Where progress is kept; None keeps none.
        found: What an interrupted run has recorded of this input.

    Attributes:
        account: What became of the input, the part of interrupted runs included.
        place: Everything before it is settled.
    """

    def __init__(
        self, refused_path: Path | None, kept: Kept | None, found: FileRecord | None
    ) -> None:
        self.account = Account()
        self.place: Place = START
        self.journal_trouble: str | None = None
        self._refused_path = refused_path
        self._refused: RefusedFile | None = None
        self._kept = kept
        # What is not resumed leaves its partial files to nobody.
        self._owner = secrets.token_hex(_OWNER_DIGITS // 2) if kept is None else kept.owner
        self._lengths = (0, 0)
        if found is not None:
            self.place = found.place
            self.account.lines = found.place.lines
            self.account.stored_rows = found.stored_rows
            self.account.take_counts(found.refused)
            self.account.notes = found.notes
            self._lengths = (found.refused_bytes, found.reasons_bytes)

    def open_refused(self, head: bytes) -> None:
        """Prepare for refused rows; whatever an interrupted run wrote too much is cut off.

        Raises:
            OperatorError: They cannot be kept.
        """
        if self._refused_path is not None and self._refused is None:
            self._refused = RefusedFile(self._refused_path, self._owner, head, self._lengths)

    def settle(self, piece: Piece, settlement: Settlement) -> None:
        """Enter a piece of which every row has its end, and none was given back.

        Raises:
            OperatorError: Its refused rows cannot be kept; it is not entered then.
        """
        refused = list(piece.refused)
        refused += [
            RefusedText(error, piece.text_of(error.position)) for error in settlement.rejected
        ]
        if settlement.rejected:
            refused.sort(key=_position)
        self.enter(piece, refused, settlement.stored_rows)

    def enter(self, piece: Piece, refused: Sequence[RefusedText], stored_rows: int) -> None:
        """Enter a piece; see `settle`."""
        if refused and self._refused is not None:
            self._refused.write(refused)
        self.account.refuse(line.error for line in refused)
        self.account.lines += piece.line_count
        self.account.stored_rows += stored_rows
        self.place = piece.place

    def checkpoint(self, *, done: bool = False) -> None:
        """Record how far the input has come.

        A journal that cannot be written is no reason to stop: what it said before still holds.
        The reason is in `journal_trouble`.

        Raises:
            OperatorError: Refused rows may not be on the disk.
        """
        if self._refused is not None:
            self._lengths = self._refused.sync()
        if self._kept is None:
            return
        record = FileRecord(
            identity=self._kept.identity,
            place=self.place,
            done=done,
            stored_rows=self.account.stored_rows,
            refused=self.account.counts_by_text(),
            refused_bytes=self._lengths[0],
            reasons_bytes=self._lengths[1],
            notes=dict(self.account.notes),
        )
        try:
            self._kept.journal.write(record)
        except OSError as error:
            self.journal_trouble = f"cannot write {self._kept.journal.path}: {error.strerror}"

    def finish(self) -> None:
        """Record that the input was read to its end, and give the refused rows their name.

        Raises:
            OperatorError: That failed.
        """
        self.checkpoint(done=True)
        if self._refused is not None:
            self._refused.finish()
        else:
            self.finish_again()

    def finish_again(self) -> None:
        """Do what is left where a run ended in the middle of `finish`.

        Raises:
            OperatorError: That failed.
        """
        if self._refused_path is not None:
            finish_refused(self._refused_path, self._owner, kept=self._lengths[1] > 0)

    def close(self) -> None:
        """Leave everything for a later run. Idempotent."""
        if self._refused is not None:
            self._refused.close()


def _position(line: RefusedText) -> int:
    return line.error.position
