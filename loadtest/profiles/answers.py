"""Whether an answer is the right one for what was posted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec
from loadtest.profiles.bodies import ERRORS_LISTED_MAX, PARSE_CODES, Piece

RETRIED_STATUSES = frozenset((408, 429, 500, 503))
TURNED_AWAY_STATUSES = frozenset((429, 503))


class _Error(msgspec.Struct):
    line: int
    code: str


class _Summary(msgspec.Struct):
    """A 200; also of use where a problem says how far it got."""

    accepted: int = 0
    parse_errors: int = 0
    rejected: int = 0
    ack: Literal["committed", "spooled"] | None = None
    errors: list[_Error] = msgspec.field(default_factory=list)
    code: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """What an answer says, and what is wrong with it.

    Attributes:
        accepted: Rows it calls stored.
        parse_errors: As answered.
        rejected: As answered.
        fault: Empty for the right answer.
    """

    accepted: int
    parse_errors: int
    rejected: int
    fault: str


_decode = msgspec.json.Decoder(_Summary).decode


def judge(status: int, content: bytes, pieces: Sequence[Piece]) -> Judged:
    """Hold one answer against what must become of the body.

    Args:
        status: Of HTTP.
        content: Of the answer.
        pieces: What the body was made of.
    """
    try:
        summary = _decode(content)
    except msgspec.DecodeError as error:
        return Judged(0, 0, 0, f"status {status}: not an answer of the service: {error}")
    fault = ""
    if status != 200:
        fault = f"status {status} {summary.code}"
    elif summary.ack != "committed":
        fault = f"ack {summary.ack}"
    else:
        fault = _wrong_count(summary, pieces) or _wrong_lines(summary, pieces)
    return Judged(summary.accepted, summary.parse_errors, summary.rejected, fault)


def _wrong_count(summary: _Summary, pieces: Sequence[Piece]) -> str:
    bad = [code for piece in pieces for _, code in piece.bad_lines]
    parse_errors = sum(code in PARSE_CODES for code in bad)
    wanted = (sum(piece.rows for piece in pieces), parse_errors, len(bad) - parse_errors)
    seen = (summary.accepted, summary.parse_errors, summary.rejected)
    if seen == wanted:
        return ""
    return f"accepted, parse errors, rejected are {seen}, not {wanted}"


def _wrong_lines(summary: _Summary, pieces: Sequence[Piece]) -> str:
    wanted: list[tuple[int, str]] = []
    behind = 0
    for piece in pieces:
        wanted += [(behind + number, code) for number, code in piece.bad_lines]
        behind += piece.lines
    seen = [(error.line, error.code) for error in summary.errors]
    for one, other in zip(seen, wanted, strict=False):
        if one != other:
            return f"line {one[0]} is called {one[1]}; wanted: line {other[0]} {other[1]}"
    listed = min(len(wanted), ERRORS_LISTED_MAX)
    return "" if len(seen) == listed else f"{len(seen)} bad lines are listed, not {listed}"
