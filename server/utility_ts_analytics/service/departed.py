"""What the dead have counted: summed into one record per stream, so that files do not pile up.

The supervisor alone writes it. The record and the names of the files that went into it are one
file that is replaced as a whole; only then these files are removed. So whoever reads (`read_books`)
counts each worker exactly once: in the record if it names the file, else from the file, also if the
supervisor died between the two steps, and while it does them.
"""

import contextlib
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from utility_ts_analytics.service.beacon import STOPPED, Sign, read_signs
from utility_ts_analytics.telemetry import registry
from utility_ts_analytics.telemetry.layout import (
    Words,
    add_departed,
    add_living,
    new_words,
    offset_of,
)
from utility_ts_analytics.telemetry.token_counts import TokenTotals, add_tokens, forget_names

_NAME = "departed.json"
_LOOKS_MAX = 50
_RESTARTS = offset_of(registry.WORKER_RESTARTS)


class _Record(msgspec.Struct):
    """The file.

    Attributes:
        streams: Numbers by stream.
        tokens: What was counted by token, by stream.
        files: Names of the files that are in them and may still be there.
    """

    streams: dict[str, list[int]] = {}
    tokens: dict[str, TokenTotals] = {}
    files: list[str] = []


@dataclass(frozen=True, slots=True)
class Books:
    """The numbers of all workers of one moment.

    Attributes:
        signs: Of the workers that are not in the record: alive, or dead for a moment.
        departed: What those before them left, by stream.
        departed_tokens: What those before them counted by token, by stream.
    """

    signs: Sequence[Sign] = ()
    departed: dict[str, Words] = field(default_factory=dict)
    departed_tokens: dict[str, TokenTotals] = field(default_factory=dict)

    def of(self, stream: str) -> Words:
        """Return the sum over all workers of a stream."""
        total = new_words()
        if stream in self.departed:
            add_living(total, self.departed[stream])
        for sign in self.signs:
            if sign.stream == stream:
                add_living(total, sign.words)
        return total

    def by_token(self, stream: str) -> TokenTotals:
        """Return what all workers of a stream counted by token, names without requests included."""
        totals = dict(self.departed_tokens.get(stream, {}))
        for sign in self.signs:
            if sign.stream == stream:
                add_tokens(totals, sign.words, sign.token_names)
        return totals


def read_books(folder: Path) -> Books:
    """Return all numbers; each worker is in them once, whatever the supervisor does meanwhile."""
    books = Books()
    for _ in range(_LOOKS_MAX):
        before = _content(folder)
        record = _decode(before)
        signs = [sign for sign in read_signs(folder) if sign.file not in record.files]
        departed = {name: array("q", numbers) for name, numbers in record.streams.items()}
        books = Books(signs, departed, record.tokens)
        if _content(folder) == before:
            break
    return books


def fold(folder: Path, dead: Iterable[Sign]) -> None:
    """Add workers to the record and remove their files. To be called by one process only.

    Args:
        folder: The service's runtime folder.
        dead: Workers that are not alive any more. Their files are read again: a worker may have
            counted up to its end.
    """
    names = {sign.file for sign in dead}
    if not names:
        return
    record = _decode(_content(folder))
    _remove(folder, record.files)
    signs = list(read_signs(folder))
    in_use = {name for sign in signs if sign.file not in names for name in sign.token_names}
    for sign in [sign for sign in signs if sign.file in names]:
        total = array("q", record.streams.get(sign.stream) or new_words())
        add_departed(total, sign.words)
        total[_RESTARTS] += sign.state != STOPPED
        record.streams[sign.stream] = total.tolist()
        tokens = record.tokens.setdefault(sign.stream, {})
        add_tokens(tokens, sign.words, sign.token_names)
        forget_names(tokens, in_use=in_use)
    record.files = sorted(names)
    coming = folder / f"{_NAME}.new"
    coming.write_bytes(msgspec.json.encode(record))
    coming.rename(folder / _NAME)
    _remove(folder, record.files)


def _content(folder: Path) -> bytes:
    try:
        return (folder / _NAME).read_bytes()
    except FileNotFoundError:
        return b"{}"


def _decode(content: bytes) -> _Record:
    return msgspec.json.decode(content, type=_Record)


def _remove(folder: Path, names: Iterable[str]) -> None:
    for name in names:
        with contextlib.suppress(FileNotFoundError):
            (folder / name).unlink()
