"""Meter readings as ILP text, made ahead: what the direct side of a measurement sends."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from loadtest.stored_comparison import TABLE, StoredReading

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SYMBOLS = ("meter_id", "quality_flag", "source_system")
_TEXTS = ("event_id", "premise_id")
_NUMBERS = ("kwh", "kvarh", "kva_demand")
_SPECIAL = frozenset(' ,="\\\n\r')


def ilp_lines(rows: Iterable[StoredReading]) -> Iterator[bytes]:
    """Return one line per row, in order, every column that is not NULL in it.

    Raises:
        ValueError: A text has a character that ILP escapes; generated readings have none, and
            real ones go through the service.
    """
    return map(_line, rows)


def _line(row: StoredReading) -> bytes:
    symbols = "".join(f",{name}={text}" for name, text in _texts(row, _SYMBOLS))
    fields = [f'{name}="{text}"' for name, text in _texts(row, _TEXTS)]
    for name in _NUMBERS:
        value: float | None = getattr(row, name)
        if value is not None:
            fields.append(f"{name}={value!r}")
    nanoseconds = (row.ts - _EPOCH) // _MICROSECOND * 1000
    return f"{TABLE}{symbols} {','.join(fields)} {nanoseconds}\n".encode()


def _texts(row: StoredReading, names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for name in names:
        text: str | None = getattr(row, name)
        if text is None:
            continue
        if not text or _SPECIAL.intersection(text):
            raise ValueError(f"cannot write {name} as plain ILP: {text!r}")
        yield name, text
