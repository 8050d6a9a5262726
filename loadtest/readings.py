"""The readings that measurements post: made by `scripts/produce_ndjson.py`, as NDJSON or ILP."""

import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import msgspec
from loadtest.stored import FIRST, TABLE, SentReading, StoredReading, expected_row

_PRODUCER = Path(__file__).parents[1] / "scripts" / "produce_ndjson.py"
_METERS = 1000
_MICROSECOND = timedelta(microseconds=1)
_SYMBOLS = ("meter_id", "quality_flag", "source_system")
_TEXTS = ("event_id", "premise_id")
_NUMBERS = ("kwh", "kvarh", "kva_demand")
_ILP_SPECIAL = frozenset(' ,="\\\n\r')
_decode_line = msgspec.json.Decoder(SentReading).decode


@dataclass(frozen=True, slots=True)
class Body:
    """Whole lines of a file, sent as one request: `rows` lines, `size` bytes from `offset` on."""

    offset: int
    size: int
    rows: int


def produce(path: Path, rows: int, *, meters: int = _METERS) -> None:
    """Write `rows` readings as NDJSON, ordered by `ts`, interval by interval, all keys distinct.

    The same bytes every time.
    """
    with path.open("wb") as lines:
        subprocess.run(_producer(rows, f"--meters={meters}"), stdout=lines, check=True)  # noqa: S603 - our own interpreter and script


def clean_lines(rows: int, *, bad_share: float = 0.0) -> list[bytes]:
    """Return the same readings as lines, `bad_share` of them replaced by bad lines of all kinds."""
    made = subprocess.run(  # noqa: S603 - our own interpreter and script
        _producer(rows, f"--bad-share={bad_share}"), capture_output=True, check=True
    )
    return made.stdout.splitlines(keepends=True)


def _producer(rows: int, option: str) -> list[str]:
    return [sys.executable, str(_PRODUCER), "meter-usage", f"--count={rows}", option]


def split_bodies(path: Path, rows_per_body: int) -> list[Body]:
    """Cut a file of lines into bodies of `rows_per_body` lines; the last one may be shorter.

    Memory does not grow with the file.
    """
    bodies: list[Body] = []
    offset = size = rows = 0
    with path.open("rb") as lines:
        for line in lines:
            size += len(line)
            rows += 1
            if rows == rows_per_body:
                bodies.append(Body(offset, size, rows))
                offset, size, rows = offset + size, 0, 0
    if rows:
        bodies.append(Body(offset, size, rows))
    return bodies


def write_ilp(lines: Path, path: Path) -> None:
    """Write the readings of an NDJSON file as ILP, with the event ids that the service derives."""
    with lines.open("rb") as source, path.open("wb") as target:
        target.writelines(ilp_lines(expected_row(_decode_line(line)) for line in source))


def ilp_lines(rows: Iterable[StoredReading]) -> Iterator[bytes]:
    """Return one ILP line per row, in order, without the columns that are NULL.

    Raises:
        ValueError: A text has a character that ILP escapes; produced readings have none.
    """
    return map(_ilp_line, rows)


def _ilp_line(row: StoredReading) -> bytes:
    symbols = "".join(f",{name}={text}" for name, text in _plain_texts(row, _SYMBOLS))
    fields = [f'{name}="{text}"' for name, text in _plain_texts(row, _TEXTS)]
    fields += [
        f"{name}={value!r}" for name in _NUMBERS if (value := getattr(row, name)) is not None
    ]
    nanoseconds = (row.ts - FIRST) // _MICROSECOND * 1000
    return f"{TABLE}{symbols} {','.join(fields)} {nanoseconds}\n".encode()


def _plain_texts(row: StoredReading, names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for name in names:
        text: str | None = getattr(row, name)
        if text is None:
            continue
        if not text or _ILP_SPECIAL.intersection(text):
            raise ValueError(f"cannot write {name} as plain ILP: {text!r}")
        yield name, text
