"""The last errors of one worker: when, which code, which line, which field. Never a value.

They are stored among the numbers (`layout`), and published and read with them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from utility_ts_analytics.telemetry.layout import ERROR_WORDS, ERRORS_AT, ERRORS_KEPT, Words
from utility_ts_analytics.telemetry.registry import PROBLEM_CODES, ROW_CODES

CODES: Final = tuple(dict.fromkeys((*ROW_CODES, *PROBLEM_CODES)))
_FIELD_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class ErrorNote:
    """One error.

    Attributes:
        wall_ns: When, nanoseconds since 1970, > 0.
        code: Of a row or of a whole request.
        position: Line number from 1, or array index; -1 where it is not about one row.
        field: Name of the field at fault, at most 16 bytes of it; "" if none is.
    """

    wall_ns: int
    code: str
    position: int = -1
    field: str = ""


class ErrorNotes:
    """Keeps the last `ERRORS_KEPT` notes.

    Args:
        words: Of the worker; published by others.
    """

    def __init__(self, words: Words) -> None:
        self._words = words
        self._turn = 0

    def add(self, note: ErrorNote) -> None:
        """Keep a note instead of the oldest one."""
        first = ERRORS_AT + self._turn * ERROR_WORDS
        self._turn = (self._turn + 1) % ERRORS_KEPT
        field = note.field.encode()[:_FIELD_BYTES].ljust(_FIELD_BYTES, b"\0")
        self._words[first] = note.wall_ns
        self._words[first + 1] = CODES.index(note.code)
        self._words[first + 2] = note.position
        for index in range(2):
            part = field[8 * index : 8 * index + 8]
            self._words[first + 3 + index] = int.from_bytes(part, "little", signed=True)


def error_notes(words: Words) -> Iterator[ErrorNote]:
    """Yield the notes that a worker published, in no order."""
    for turn in range(ERRORS_KEPT):
        first = ERRORS_AT + turn * ERROR_WORDS
        wall_ns, code, position, *parts = words[first : first + ERROR_WORDS]
        if wall_ns:
            field = b"".join(part.to_bytes(8, "little", signed=True) for part in parts)
            yield ErrorNote(
                wall_ns, CODES[code], position, field.rstrip(b"\0").decode(errors="replace")
            )
