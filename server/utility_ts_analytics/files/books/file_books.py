"""The books of one input while it is loaded: its account, its refused records, its journal.

Pieces are settled here in the order of the input, each once all its rows are settled. Then its
refused records are written, and only then may the journal record the place behind it.
"""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from utility_ts_analytics.buffering.block import Settlement
from utility_ts_analytics.files.books.journal import FileIdentity, FileRecord, Journal
from utility_ts_analytics.files.books.refused_files import RefusedFile, finish_refused
from utility_ts_analytics.files.pieces import START, Piece, Place, Refused
from utility_ts_analytics.files.result import Account

_OWNER_DIGITS: Final = 8


@dataclass(frozen=True, slots=True)
class Kept:
    """Where an input's progress is kept."""

    journal: Journal
    identity: FileIdentity

    @property
    def owner(self) -> str:
        """Part of the names of this input's partial files: the same in each run of the command."""
        named = f"{self.journal.path.absolute()}\0{self.identity.path}"
        return hashlib.sha256(named.encode(errors="surrogateescape")).hexdigest()[:_OWNER_DIGITS]


@dataclass(frozen=True, slots=True)
class _AtPlace:
    """Counts of the records before the place."""

    stored_rows: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    refused_bytes: tuple[int, int] = (0, 0)


class FileBooks:
    """The books of one input. `settle` and `checkpoint` may wait for the disk; one call at a time.

    Args:
        refused_path: File for refused records; None drops them, counted.
        kept: Where progress is kept; None keeps none.
        found: The record that an interrupted run has left of this input.

    Attributes:
        account: Counts of the input, those of interrupted runs included.
        place: Everything before it is settled; a later run resumes there.
        journal_trouble: Why progress could not be recorded; None while it could.
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
        # Partial files of an input that cannot be resumed belong to no later run.
        self._owner = secrets.token_hex(_OWNER_DIGITS // 2) if kept is None else kept.owner
        self._at_place = _AtPlace()
        if found is not None:
            self.place = found.place
            self.account.lines = found.place.lines
            self.account.stored_rows = found.stored_rows
            self.account.take_counts(found.refused)
            self.account.notes = found.notes
            self._at_place = _AtPlace(
                found.stored_rows,
                dict(found.refused),
                (found.refused_bytes, found.reasons_bytes),
            )

    def open_refused(self, head: bytes) -> None:
        """Open the file for refused records, cut to the length that its place has.

        Raises:
            OperatorError: It cannot be opened.
        """
        if self._refused_path is not None and self._refused is None:
            self._refused = RefusedFile(
                self._refused_path, self._owner, head, self._at_place.refused_bytes
            )

    def settle(self, piece: Piece, settlement: Settlement) -> None:
        """Enter a piece of which every row has its end, and none was given back.

        Raises:
            OperatorError: Its refused rows cannot be kept; it is not entered then.
        """
        refused = list(piece.refused)
        refused += [piece.refusal(error) for error in settlement.rejected]
        if settlement.rejected:
            refused.sort(key=_rec)
        self.enter(piece, refused, settlement.stored_rows)

    def enter(self, piece: Piece, refused: Sequence[Refused], stored_rows: int) -> None:
        """Enter a piece; see `settle`."""
        if refused and self._refused is not None:
            self._refused.write(refused)
        self.account.refuse(refused)
        self.account.lines += piece.line_count
        self.account.stored_rows += stored_rows
        if piece.place is not None:
            self.place = piece.place
            self._at_place = self._now()

    def checkpoint(self, *, done: bool = False) -> None:
        """Record how far the input has come.

        A journal that cannot be written is no reason to stop: its earlier record still holds. The
        cause is in `journal_trouble`.

        Raises:
            OperatorError: Refused records may not be on the disk.
        """
        if self._refused is not None:
            self._refused.sync()
        if done:
            self._at_place = self._now()
        if self._kept is None:
            return
        settled = self._at_place
        # All counts of an input that is done are final, also where its last piece has no place.
        place = replace(self.place, lines=self.account.lines) if done else self.place
        record = FileRecord(
            identity=self._kept.identity,
            place=place,
            done=done,
            stored_rows=settled.stored_rows,
            refused=dict(settled.counts),
            refused_bytes=settled.refused_bytes[0],
            reasons_bytes=settled.refused_bytes[1],
            notes=dict(self.account.notes),
        )
        try:
            self._kept.journal.write(record)
        except OSError as error:
            self.journal_trouble = f"cannot write {self._kept.journal.path}: {error.strerror}"

    def finish(self) -> None:
        """Record that the input was read to its end, and rename the files of refused records.

        Raises:
            OperatorError: That failed.
        """
        self.checkpoint(done=True)
        if self._refused is not None:
            self._refused.finish()
        else:
            self.finish_again()

    def finish_again(self) -> None:
        """Complete a `finish` in whose middle an earlier run ended.

        Raises:
            OperatorError: That failed.
        """
        if self._refused_path is not None:
            finish_refused(
                self._refused_path, self._owner, kept=self._at_place.refused_bytes[1] > 0
            )

    def _now(self) -> _AtPlace:
        # Without an open file no piece has come since the place of an earlier run.
        refused = self._refused
        lengths = self._at_place.refused_bytes if refused is None else refused.lengths
        return _AtPlace(self.account.stored_rows, self.account.counts_by_text(), lengths)

    def close(self) -> None:
        """Close the files, and keep them for a later run. Idempotent."""
        if self._refused is not None:
            self._refused.close()


def _rec(record: Refused) -> int:
    return record.rec
