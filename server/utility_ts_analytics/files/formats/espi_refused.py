"""Refused Green Button readings as lines of NDJSON, and such lines as readings again."""

from collections.abc import Iterable, Iterator
from itertools import chain

import msgspec
from msgspec import Struct

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.formats.espi_codes import ReadingType
from utility_ts_analytics.files.formats.espi_links import Series
from utility_ts_analytics.files.formats.espi_xml import IntervalReading
from utility_ts_analytics.reading.lines import LineBlock, LineSplitter

_LINE_BYTES_MAX = 1_048_576


class _Refused(Struct, omit_defaults=True):
    """One line: what stands in the file, beside what the file says about it elsewhere."""

    usage_point: str | None = None
    usage_point_link: str | None = None
    meter_reading: str | None = None
    title: str | None = None
    service_kind: int | None = None
    multiplier: int | None = None
    uom: int | None = None
    flow_direction: int | None = None
    accumulation: int | None = None
    kind: int | None = None
    data_qualifier: int | None = None
    phase: int | None = None
    start: str = ""
    duration: str = ""
    value: str = ""
    quality: str = ""


_decoder = msgspec.json.Decoder(_Refused)


def refused_line(reading: IntervalReading, series: Series) -> bytes:
    """Return a reading as one line of NDJSON, newline included."""
    kind = series.kind or ReadingType()
    start, duration = reading.start, reading.duration
    if kind.interval_seconds is not None:
        duration = duration or str(kind.interval_seconds)
        if not start and reading.block_start.isdecimal():
            start = str(int(reading.block_start) + reading.number * kind.interval_seconds)
    line = _Refused(
        usage_point=series.usage_point,
        usage_point_link=series.usage_point_link,
        meter_reading=series.meter_reading,
        title=series.title,
        service_kind=series.service_kind,
        multiplier=kind.multiplier,
        uom=kind.uom,
        flow_direction=kind.flow_direction,
        accumulation=kind.accumulation,
        kind=kind.kind,
        data_qualifier=kind.data_qualifier,
        phase=kind.phase,
        start=start,
        duration=duration,
        value=reading.value,
        quality=",".join(reading.qualities) or kind.quality or "",
    )
    return msgspec.json.encode(line) + b"\n"


def refused_readings(
    chunks: Iterable[bytes], name: str
) -> Iterator[tuple[int, tuple[IntervalReading, Series]]]:
    """Yield the readings of such a file with the numbers of their lines; blank ones are none.

    Args:
        chunks: Of the file.
        name: Of the file, for messages.

    Raises:
        OperatorError: A line is none of such a file; names it.
    """
    splitter = LineSplitter(_LINE_BYTES_MAX)
    for parts in chain(map(splitter.feed, chunks), [splitter.finish()]):
        for part in parts:
            if not isinstance(part, LineBlock):
                raise OperatorError(f"cannot read {name}, line {part.line}: it is too long")
            for number, text in enumerate(part.data.splitlines(), part.first_line):
                if text.strip():
                    yield number, _reading(text, number, name)


def _reading(text: bytes, line: int, name: str) -> tuple[IntervalReading, Series]:
    try:
        one = _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise OperatorError(f"cannot read {name}, line {line}: {error}") from error
    kind = ReadingType(
        multiplier=one.multiplier,
        uom=one.uom,
        flow_direction=one.flow_direction,
        accumulation=one.accumulation,
        kind=one.kind,
        data_qualifier=one.data_qualifier,
        phase=one.phase,
    )
    series = Series(
        one.usage_point,
        one.usage_point_link,
        one.meter_reading,
        one.title,
        one.service_kind,
        None if kind == ReadingType() else kind,
    )
    qualities = one.quality.split(",") if one.quality else []
    return IntervalReading(0, line, 0, "", one.start, one.duration, one.value, qualities), series
