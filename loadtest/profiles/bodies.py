"""Bodies made in advance, the expected result of each, and the judgement of its answer.

A piece is a block of lines of one interval: made once and sent again and again, each time with the
time of a later interval. That costs one `bytes.join`, 0.14 ms for 5,000 rows of 180 bytes
(`bytes.replace`: 0.6 ms); hours of load need no more memory than a minute, and every key of a run
is known.
"""

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec
from loadtest.ledger import Summary, decode_summary
from loadtest.profiles.catalogue import Profile

START = datetime(2024, 1, 1, tzinfo=UTC)
INTERVAL = timedelta(minutes=15)
START_TEXT = b"2024-01-01T00:00:00Z"
"""Placeholder for the time of a line; as long as every real time."""

BAD_LINES = (
    (b'{"ts":"2024-01-01T00:00:00Z","meter_id":"bad"', "invalid-json"),
    (b'{"ts":"2024-01-01T00:00:00Z","meter_id":"bad","kwh":NaN}', "invalid-json"),
    (b'{"ts":"2024-01-01T00:00:00Z","meter_id":"\xff","kwh":1}', "invalid-utf8"),
    (b'{"ts":"2024-01-01T00:00:00Z","meter_id":"bad"}', "missing-field"),
    (b'{"ts":"2024-01-01T00:00:00Z","meter_id":5,"kwh":1}', "wrong-type"),
    (b'{"ts":"2024-13-01T00:00:00Z","meter_id":"bad","kwh":1}', "invalid-timestamp"),
    (b'{"ts":"2024-01-01T00:00:00","meter_id":"bad","kwh":1}', "invalid-timestamp"),
    (b'{"ts":"1999-12-31T23:59:59Z","meter_id":"bad","kwh":1}', "timestamp-out-of-range"),
    (b'{"ts":"2024-01-01T00:00:00Z","meter_id":"bad","kwh":1e999}', "invalid-number"),
    (b'{"ts":"2024-01-01T00:00:00Z","meter_id":"bad","kwh":-1}', "negative-value"),
    (b'{"ts":"2024-01-01T00:00:00Z","meter_id":"","kwh":1}', "text-length"),
    (b'{"ts":"2024-01-01T00:00:00Z","meter_id":"a\\u0000","kwh":1}', "forbidden-character"),
)
"""Lines that the service must refuse, each with its code."""

PARSE_CODES = frozenset(
    (
        "invalid-json",
        "invalid-utf8",
        "line-too-long",
        "missing-field",
        "wrong-type",
        "invalid-timestamp",
        "invalid-number",
    )
)
"""Counted as `parse_errors` in an answer; the others as `rejected`."""

ERRORS_LISTED_MAX = 100
"""An answer lists no more lines than this."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Lines of one interval and their expected result.

    Attributes:
        parts: The lines, each ended, cut at each time.
        size: Bytes of the lines with their times.
        rows: Lines that must be accepted, repeated meters included.
        keys: Different meters among them: rows in the table.
        milli_kwh: Sum of their kWh in the table, in thousandths.
        refused: Lines that must be refused, by code.
        bad_lines: Number, from 1, and code of each of these.
    """

    parts: tuple[bytes, ...]
    size: int
    rows: int
    keys: int
    milli_kwh: int
    refused: Mapping[str, int]
    bad_lines: tuple[tuple[int, str], ...]

    @property
    def lines(self) -> int:
        """All lines."""
        return self.rows + len(self.bad_lines)


class Stock:
    """All pieces of a run. `source_system` of all rows begins with `run`."""

    def __init__(self, profile: Profile, run: str, *, seed: int = 1) -> None:
        self.pieces = [_piece(profile, run, index, seed) for index in range(profile.stock)]

    def piece(self, number: int) -> Piece:
        """Return the piece that is the `number`-th of a run."""
        return self.pieces[number % len(self.pieces)]

    def content(self, number: int) -> bytes:
        """Return the lines of the `number`-th piece of a run, in its interval."""
        interval = number // len(self.pieces)
        return interval_text(interval).join(self.piece(number).parts)

    def chunks(self, first: int, count: int, chunk_bytes: int) -> Iterator[bytes]:
        """Yield `count` pieces as one body in chunks; lines run across their borders."""
        held = bytearray()
        for number in range(first, first + count):
            held += self.content(number)
            whole = len(held) - len(held) % chunk_bytes
            for offset in range(0, whole, chunk_bytes):
                yield bytes(held[offset : offset + chunk_bytes])
            del held[:whole]
        if held:
            yield bytes(held)


def interval_text(interval: int) -> bytes:
    """Return the time of the `interval`-th quarter of an hour of a run, as lines have it."""
    return (START + interval * INTERVAL).strftime("%Y-%m-%dT%H:%M:%SZ").encode()


def source_system(run: str, index: int) -> str:
    """Return `source_system` of the rows of the `index`-th piece of the stock."""
    return f"{run}-{index:04}"


def _piece(profile: Profile, run: str, index: int, seed: int) -> Piece:
    rng = random.Random(f"{seed}/{index}")
    made: list[bytes] = []
    bad: list[tuple[int, str]] = []
    values: list[int] = []
    for number in range(1, profile.rows + 1):
        if profile.duplicate_every and number % profile.duplicate_every == 0:
            # The same line again, or a correction of it: of two the later one counts.
            meter = rng.randrange(len(values))
            values[meter] += rng.choice((0, 1))
        else:
            meter = len(values)
            values.append(int(rng.lognormvariate(5.5, 0.8)))
        made.append(_line(run, index, meter, values[meter]))
        if profile.bad_every and number % profile.bad_every == 0:
            line, code = rng.choice(BAD_LINES)
            made.append(line)
            bad.append((len(made), code))
    content = b"\n".join([*made, b""])
    return Piece(
        parts=tuple(content.split(START_TEXT)),
        size=len(content),
        rows=profile.rows,
        keys=len(values),
        milli_kwh=sum(values),
        refused=Counter(code for _, code in bad),
        bad_lines=tuple(bad),
    )


def _line(run: str, index: int, meter: int, milli_kwh: int) -> bytes:
    """Return a full reading, all fields but `event_id`; `kwh` has three decimals."""
    kwh = milli_kwh / 1000
    return (
        f'{{"ts":"{START_TEXT.decode()}","meter_id":"M{index:04}-{meter:05}",'
        f'"premise_id":"P{index:04}-{meter:05}","kwh":{kwh:.3f},"kvarh":{kwh * 0.21:.3f},'
        f'"kva_demand":{kwh * 4.9:.3f},"quality_flag":"VALID",'
        f'"source_system":"{source_system(run, index)}"}}'
    ).encode()


def judge(status: int, content: bytes, pieces: Sequence[Piece]) -> tuple[int, str]:
    """Compare one answer with the expected result of the pieces of its body.

    Returns:
        The rows that it calls accepted, and what is wrong with it; empty for the right answer.
    """
    try:
        summary = decode_summary(content)
    except msgspec.DecodeError as error:
        return 0, f"status {status}: not an answer of the service: {error}"
    if status != 200:
        fault = f"status {status} {summary.code}"
    elif summary.ack != "committed":
        fault = f"ack {summary.ack}"
    else:
        fault = _wrong_count(summary, pieces) or _wrong_lines(summary, pieces)
    return summary.accepted, fault


def _wrong_count(summary: Summary, pieces: Sequence[Piece]) -> str:
    bad = [code for piece in pieces for _, code in piece.bad_lines]
    parse_errors = sum(code in PARSE_CODES for code in bad)
    wanted = (sum(piece.rows for piece in pieces), parse_errors, len(bad) - parse_errors)
    seen = (summary.accepted, summary.parse_errors, summary.rejected)
    if seen == wanted:
        return ""
    return f"accepted, parse errors, rejected are {seen}, not {wanted}"


def _wrong_lines(summary: Summary, pieces: Sequence[Piece]) -> str:
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
