"""Times as text: RFC 3339, strptime formats, epochs; quickly where all have one form.

What the quick ways do not take is read text by text, each different text once.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from utility_ts_analytics.ingest.mapping.faults import Mask
from utility_ts_analytics.ingest.mapping.model import TIME_WORDS
from utility_ts_analytics.ingest.mapping.time_layout import TimeLayout
from utility_ts_analytics.ingest.mapping.zones import Micros
from utility_ts_analytics.reading.oddities import is_misspelt

EPOCH_SCALES = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1, "epoch_ns": 0}
"""Microseconds per unit; 0 stands for a thousandth."""

_DATE_WIDTH = len("2024-01-01")
_UTC_WIDTH = len("2024-01-01T00:00:00Z")
_OFFSET_WIDTH = len("2024-01-01T00:00:00+00:00")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONG_FRACTION = re.compile(r"([.,]\d{6})(\d{1,3})(?!\d)", re.ASCII)
_SHORT_ISO = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d)?", re.ASCII)
_EPOCH_TEXT = re.compile(r"(-?\d{1,19})(?:\.(\d{1,9}))?", re.ASCII)
_INSTANT, _WALL = True, False


@dataclass(frozen=True, slots=True)
class Times:
    """Times of some rows.

    Attributes:
        micros: Since 1970-01-01: in UTC where `instant`, else on the wall.
        instant: Whether the text said its offset.
        good: Whether there is a time; false for absent ones too.
    """

    micros: Micros
    instant: Mask
    good: Mask

    @classmethod
    def of_one_kind(cls, micros: Micros, good: Mask, *, instant: bool) -> "Times":
        """Return times that all are instants, or all are on the wall."""
        return cls(micros, np.full(len(micros), instant, np.bool_), good)


def times_of_text(text: pa.Array, formats: Sequence[str]) -> Times:
    """Read times; those that fit none of `formats` are not good.

    Args:
        text: `pa.string()`; nulls are not good either.
        formats: What to try, in order, for each text.
    """
    quick = _quickly(text, formats[0])
    if quick is not None and quick.good.all():
        return quick
    return _plainly(text, formats, quick)


def _quickly(text: pa.Array, format_: str) -> Times | None:
    """Read all by the first format, or return None if they do not look like it."""
    if text.null_count or not len(text):
        return None
    widths = pc.min_max(pc.binary_length(text)).as_py()
    width = widths["min"]
    if width != widths["max"]:
        return None
    if format_ == "iso":
        if width == _UTC_WIDTH or (width == _OFFSET_WIDTH and _have_offsets(text)):
            return _instants(text)
        format_ = _iso_format(text, width)
    layout = None if format_ in TIME_WORDS else TimeLayout.of_format(format_)
    if layout is None or not layout.fits(width):
        return None
    micros, good = layout.read(_bytes_of(text, width))
    return Times.of_one_kind(micros, good, instant=_WALL)


def _instants(text: pa.Array) -> Times | None:
    """Read RFC 3339 without a fraction; of its widths Arrow takes nothing else.

    `test_quick_times_are_those_of_the_server` holds that.
    """
    try:
        instants = text.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
    except pa.ArrowInvalid:
        return None
    return Times.of_one_kind(instants.to_numpy(), np.ones(len(text), np.bool_), instant=_INSTANT)


def _have_offsets(text: pa.Array) -> bool:
    """Tell whether all, of that width, end in `+HH:MM`, not in a fraction and Z."""
    letters = _bytes_of(text, _OFFSET_WIDTH)
    signs, colons = letters[:, _UTC_WIDTH - 1], letters[:, -3]
    return bool((((signs == ord("+")) | (signs == ord("-"))) & (colons == ord(":"))).all())


def _iso_format(text: pa.Array, width: int) -> str:
    """Return the strptime format of ISO times of this width without an offset."""
    if width <= _DATE_WIDTH:
        return "%Y-%m-%d"
    between = " " if text[0].as_py()[_DATE_WIDTH] == " " else "T"
    time = "%H:%M" if width < _UTC_WIDTH - 1 else "%H:%M:%S"
    return f"%Y-%m-%d{between}{time}" + (".%f" if width >= _UTC_WIDTH else "")


def _bytes_of(text: pa.Array, width: int) -> npt.NDArray[np.uint8]:
    """Return the bytes of texts of one width, a row each, without copying."""
    _, offsets, data = text.buffers()
    start = int(np.frombuffer(offsets, np.int32)[text.offset])
    flat = np.frombuffer(data, np.uint8, count=len(text) * width, offset=start)
    return flat.reshape(len(text), width)


def _plainly(text: pa.Array, formats: Sequence[str], quick: Times | None) -> Times:
    """Read each different text once, but those that the quick way has read."""
    todo = text
    if quick is not None:
        todo = pc.if_else(pa.array(quick.good), pa.scalar(None, pa.string()), text)
    encoded = todo.dictionary_encode()
    read = [_read(word, formats) for word in encoded.dictionary.to_pylist()]
    # One more at the end is what rows without a text are.
    micros = np.array([time[0] if time else 0 for time in (*read, None)], np.int64)
    instant = np.array([bool(time and time[1]) for time in (*read, None)], np.bool_)
    good = np.array([time is not None for time in (*read, None)], np.bool_)
    indices = pc.fill_null(encoded.indices, len(read)).to_numpy()
    plain = Times(micros[indices], instant[indices], good[indices])
    if quick is None:
        return plain
    return Times(
        np.where(quick.good, quick.micros, plain.micros),
        np.where(quick.good, quick.instant, plain.instant),
        quick.good | plain.good,
    )


def _read(text: str, formats: Sequence[str]) -> tuple[int, bool] | None:
    for format_ in formats:
        time = _read_as(text, format_)
        if time is not None:
            return time
    return None


def _read_as(text: str, format_: str) -> tuple[int, bool] | None:
    if format_ in EPOCH_SCALES:
        return _read_epoch(text, EPOCH_SCALES[format_])
    try:
        if format_ == "iso":
            return _micros(_read_iso(text))
        rest = timedelta()
        if "%f" in format_ and (long := _LONG_FRACTION.search(text)) is not None:
            # strptime takes six digits; further ones are rounded, as everywhere.
            rest = timedelta(microseconds=int(int(long[2].ljust(3, "0")) >= 500))
            text = text[: long.end(1)] + text[long.end() :]
        return _micros(datetime.strptime(text, format_) + rest)  # noqa: DTZ007  %z or the zone
    except (ValueError, OverflowError):
        return None


def _read_iso(text: str) -> datetime:
    """Read RFC 3339 as the server does, and beside it dates and minutes without an offset."""
    if _SHORT_ISO.fullmatch(text) is not None:
        return datetime.fromisoformat(text)
    if is_misspelt(text):
        raise ValueError("an offset without its colon is not RFC 3339")
    return msgspec.convert(text, datetime)  # its ValidationError is a ValueError


def _micros(moment: datetime) -> tuple[int, bool]:
    instant = moment.tzinfo is not None
    since = moment - (_EPOCH if instant else _EPOCH.replace(tzinfo=None))
    return since // timedelta(microseconds=1), instant


def _read_epoch(text: str, scale: int) -> tuple[int, bool] | None:
    match = _EPOCH_TEXT.fullmatch(text)
    if match is None:
        return None
    whole, fraction = int(match[1]), (match[2] or "").ljust(9, "0")
    billionths = abs(whole) * 10**9 + int(fraction)
    size = billionths * scale if scale else billionths // 1000
    micros = (size + 5 * 10**8) // 10**9 * (-1 if text.startswith("-") else 1)
    return (micros, _INSTANT) if abs(micros) < 2**62 else None
