"""Fuzz targets for records: event ids, and the ILP encoding read by an independent reader."""

import functools
import json
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone

import msgspec
from loadtest.fuzz.bodies import decoder_of
from loadtest.fuzz.draws import Draws

from utility_ts_analytics.buffering.block import Block, Settlement
from utility_ts_analytics.reading.lines import LineBlock
from utility_ts_analytics.records.reading import Reading
from utility_ts_analytics.records.streams import STREAMS, StreamSpec
from utility_ts_analytics.records.validation import TS_END
from utility_ts_analytics.sinks.ilp import IlpSink, ilp_over_http

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
    names = [*spec.texts, *spec.numbers]
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
    payload.encode(Block(rows, range(1, len(rows) + 1), 0, Settlement()))
    read = IlpReader(b"".join(payload.parts)).rows()
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


_BINARY_DOUBLE = 16
"""Type byte of an eight-byte float behind a second `=` (protocol version 2)."""


@dataclass(frozen=True, slots=True)
class IlpRow:
    """One line.

    Attributes:
        table: Its name.
        values: Tags and fields by name.
        microseconds: The time of the row, since 1970.
    """

    table: str
    values: dict[str, str | float] = field(default_factory=dict)
    microseconds: int = 0


class IlpReader:
    """Reads line after line from one payload.

    Raises:
        AssertionError: The payload is not ILP; from any method.
    """

    def __init__(self, payload: bytes) -> None:
        self._data = payload
        self._at = 0

    def rows(self) -> list[IlpRow]:
        """Return every row, in order."""
        found = []
        while self._at < len(self._data):
            found.append(self._row())
        return found

    def _row(self) -> IlpRow:
        table = self._name(b", ")
        values: dict[str, str | float] = {}
        while self._peek() == b",":
            self._at += 1
            self._put(values, self._name(b"="), self._tag)
        while True:
            self._expect(b" " if self._peek() == b" " else b",")
            if not self._peek_is_field():
                break
            self._put(values, self._name(b"="), self._field)
        return IlpRow(table, values, self._time())

    def _put(self, values: dict[str, str | float], name: str, read: object) -> None:
        assert name, "a column has no name"
        assert name not in values, f"column {name} stands twice"
        self._expect(b"=")
        assert callable(read)
        values[name] = read()

    def _peek(self) -> bytes:
        return self._data[self._at : self._at + 1]

    def _peek_is_field(self) -> bool:
        """Tell a field from the time that ends the line."""
        first = self._peek()
        assert first, "the payload ends in mid-line"
        return not (first.isdigit() or first == b"-")

    def _expect(self, wanted: bytes) -> None:
        assert self._peek() == wanted, (wanted, self._data[self._at : self._at + 20])
        self._at += 1

    def _name(self, ends: bytes) -> str:
        """Read a name or a tag's value up to one of `ends`, which is left where it is."""
        text = bytearray()
        while (byte := self._peek()) and byte not in ends:
            if byte == b"\\":
                self._at += 1
                byte = self._peek()
            else:
                assert byte not in b'\n\r="', (byte, bytes(text))
            text += byte
            self._at += 1
        assert byte, "the payload ends in a name"
        return text.decode()

    def _tag(self) -> str:
        return self._name(b", ")

    def _field(self) -> str | float:
        first = self._peek()
        if first == b'"':
            return self._quoted()
        if first == b"=":
            return self._binary()
        start = self._at
        while self._peek() not in (b",", b" ", b""):
            self._at += 1
        text = self._data[start : self._at].decode()
        return float(text.removesuffix("i"))

    def _quoted(self) -> str:
        text = bytearray()
        self._expect(b'"')
        while (byte := self._peek()) != b'"':
            if byte == b"\\":
                self._at += 1
                byte = self._peek()
                assert byte in (b"\\", b'"', b"\n", b"\r"), byte
            else:
                # QuestDB ends a line at a bare newline, inside of quotes or not.
                assert byte not in (b"", b"\n"), "a text has a bare newline or no end"
            text += byte
            self._at += 1
        self._expect(b'"')
        return text.decode()

    def _binary(self) -> float:
        self._expect(b"=")
        assert self._data[self._at] == _BINARY_DOUBLE, self._data[self._at]
        raw = self._data[self._at + 1 : self._at + 9]
        self._at += 9
        (value,) = struct.unpack("<d", raw)
        return float(value)

    def _time(self) -> int:
        end = self._data.index(b"\n", self._at)
        text = self._data[self._at : end]
        self._at = end + 1
        if text.endswith(b"t"):
            return int(text[:-1])
        nanoseconds = int(text.removesuffix(b"n"))
        assert nanoseconds % 1000 == 0, "the time is not a whole microsecond"
        return nanoseconds // 1000
