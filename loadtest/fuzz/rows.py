"""Fuzz targets for records: event ids and the ILP encoding."""

import functools
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import msgspec
from loadtest.fuzz.bodies import decoder_of
from loadtest.fuzz.draws import Draws
from loadtest.fuzz.ilp_text import IlpReader

from utility_ts_analytics.buffering.block import Block, Settlement
from utility_ts_analytics.reading.lines import LineBlock
from utility_ts_analytics.records.reading import Reading
from utility_ts_analytics.records.streams import STREAMS, StreamSpec
from utility_ts_analytics.records.validation import TS_END
from utility_ts_analytics.sinks.ilp import IlpSink, ilp_over_http

if TYPE_CHECKING:
    pass  # the top-level module does not export the type

Record = dict[str, str | float | None]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST = datetime(2000, 1, 2, tzinfo=UTC)
_SPAN_US = 99 * 365 * 86_400 * 1_000_000
_MICROSECOND = timedelta(microseconds=1)
_TEXT_BYTES_MAX = 40


def fuzz_event_id(data: bytes) -> None:
    """Equal content has the same id however it is written; any change of a value has another."""
    draws = Draws(data)
    spec = STREAMS[draws.choice(tuple(STREAMS))]
    instant, record = _record(draws, spec)
    id_of = functools.partial(_event_id, spec)
    known = id_of(_written(draws, instant, record))
    assert id_of(_written(draws, instant, record)) == known
    name = draws.choice(["ts", *record])
    if name == "ts":
        other = instant + draws.integer(1, 1000) * _MICROSECOND
        assert id_of(_written(draws, other, record)) != known
        return
    new = _value(draws, spec, name)
    # Minus zero equals zero here as in the definition of an event id.
    assert (id_of(_written(draws, instant, {**record, name: new})) == known) == (
        new == record[name]
    )


def _record(draws: Draws, spec: StreamSpec) -> tuple[datetime, Record]:
    """Return an instant and a value, or None, for each other field of the stream."""
    instant = _FIRST + draws.integer(0, _SPAN_US) * _MICROSECOND
    names = [*spec.symbols, *spec.texts, *spec.numbers]
    return instant, {name: _value(draws, spec, name) for name in names}


def _value(draws: Draws, spec: StreamSpec, name: str) -> str | float | None:
    needed = _needed(spec)
    if name not in needed and draws.flag():
        return None
    if name in spec.numbers:
        return draws.number()
    text = draws.text(_TEXT_BYTES_MAX)
    return "x" if name in needed and not text.strip() else text


@functools.cache
def _needed(spec: StreamSpec) -> frozenset[str]:
    fields = msgspec.structs.fields(spec.record_type)
    return frozenset(info.name for info in fields if info.required)


def _written(draws: Draws, instant: datetime, record: Record) -> bytes:
    """Return the record as one JSON line, in one of many spellings of the same content."""
    offset = timezone(timedelta(minutes=draws.integer(-1439, 1439)))
    members = [("ts", instant.astimezone(offset).isoformat()), *record.items()]
    turn = draws.integer(0, len(members) - 1)
    members = members[turn:] + members[:turn]
    if draws.flag():
        members = [(name, value) for name, value in members if value is not None]
    separators = draws.choice([(",", ":"), (", ", ": "), (" ,\t", "  :\r")])
    text = json.dumps(
        {"unknown": draws.integer(0, 9), **dict(members)},
        ensure_ascii=draws.flag(),
        separators=separators,
    )
    return text.encode() + b"\n"


def _event_id(spec: StreamSpec, line: bytes) -> str:
    [row] = _decoded(spec, line)
    assert row.event_id is not None
    return row.event_id


def _decoded(spec: StreamSpec, lines: bytes) -> list[Reading]:
    decoded = decoder_of(spec.name, allow_negative=True).decode(
        LineBlock.of(lines, 1), ts_end=TS_END
    )
    assert not decoded.errors, (decoded.errors, lines)
    return list(decoded.rows)


def fuzz_ilp(data: bytes) -> None:
    """An ILP reader that knows nothing of the encoder gets back every value of every row."""
    draws = Draws(data)
    spec = STREAMS[draws.choice(tuple(STREAMS))]
    rows = []
    for _ in range(draws.integer(1, 4)):
        instant, record = _record(draws, spec)
        [row] = _decoded(spec, _written(draws, instant, record))
        rows.append(row)
    sink = _ilp_sink(spec.name)
    payload = sink.new_payload()
    sink.encode(Block(rows, range(1, len(rows) + 1), 0, Settlement()), payload)
    read = IlpReader(b"".join(payload)).rows()
    assert len(read) == len(rows)
    for row, line in zip(rows, read, strict=True):
        assert line.table == spec.name
        assert line.microseconds == (row.ts - _EPOCH) // _MICROSECOND
        columns = msgspec.structs.asdict(row)
        expected = {k: v for k, v in columns.items() if k != "ts" and v is not None}
        assert line.values == expected, (line.values, expected)


@functools.cache
def _ilp_sink(stream: str) -> IlpSink:
    """Return a sink that never connects."""
    return ilp_over_http("127.0.0.1:1", stream)
