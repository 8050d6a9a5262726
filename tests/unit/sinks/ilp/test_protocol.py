"""Law 3: a reader of ILP that knows nothing of the encoder gets back every value of every row."""

import re
import struct
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utility_ts_analytics.buffering.block import Block, Settlement
from utility_ts_analytics.records.reading import Reading
from utility_ts_analytics.records.streams import STREAMS, StreamSpec
from utility_ts_analytics.sinks.ilp import ilp_over_http

Values = dict[str, str | float]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

NAME = rb'(?:[^\\ ,=\n\r"]|\\.)+'
PAIR = re.compile(rb",(%b)=(%b)" % (NAME, NAME), re.DOTALL)
# QuestDB ends a line at a bare newline, inside of quotes or not.
TEXT = rb'"((?:[^"\\\n]|\\["\\\n\r])*)"'
# Type byte 16: an eight-byte float behind a second `=` (protocol version 2).
FIELD = re.compile(rb"(%b)=(?:%b|=\x10(.{8})|([^ ,\n\"=]+))" % (NAME, TEXT), re.DOTALL)
TIME = re.compile(rb" (-?\d+)(t|n?)\n")


def unescaped(raw: bytes) -> str:
    return re.sub(rb"\\(.)", rb"\1", raw, flags=re.DOTALL).decode()


def put(values: Values, name: bytes, value: str | float) -> None:
    if unescaped(name) in values:
        raise ValueError(f"column {name!r} stands twice")
    values[unescaped(name)] = value


def read_ilp(payload: bytes) -> list[tuple[str, Values, int]]:
    """Return table, tags and fields, and microseconds of each line; ValueError if it is not ILP."""
    rows, at = [], 0

    def take(pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
        nonlocal at
        match = pattern.match(payload, at)
        at = match.end() if match else at
        return match

    while at < len(payload):
        table, values = take(re.compile(NAME, re.DOTALL)), Values()
        while pair := take(PAIR):
            put(values, pair[1], unescaped(pair[2]))
        separator = b" "
        while payload[at : at + 1] == separator:
            at += 1
            field = take(FIELD)
            if table is None or field is None:
                raise ValueError(f"no field at {payload[at : at + 20]!r}")
            name, text, binary, number = field.groups()
            if text is not None:
                put(values, name, unescaped(text))
            elif binary is not None:
                put(values, name, struct.unpack("<d", binary)[0])
            else:
                put(values, name, float(number.removesuffix(b"i")))
            separator = b","
        time = take(TIME)
        if time is None or table is None or separator == b" ":
            raise ValueError(f"no time at {payload[at : at + 20]!r}")
        whole, rest = divmod(int(time[1]), 1 if time[2] == b"t" else 1000)
        if rest:
            raise ValueError("the time is not a whole microsecond")
        rows.append((unescaped(table[0]), values, whole))
    return rows


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
texts |= st.text(" ,=\"\\\n\r\t'é😀", max_size=6)
numbers = st.floats(allow_nan=False, allow_infinity=False)
instants = st.datetimes(datetime(2000, 1, 2), datetime(2099, 12, 30), timezones=st.just(UTC))


@st.composite
def rows_of(draw: st.DrawFn, spec: StreamSpec) -> list[Reading]:
    needed = {it.name for it in msgspec.structs.fields(spec.record_type) if it.required}
    kinds = {**dict.fromkeys(spec.texts, texts), **dict.fromkeys(spec.numbers, numbers)}
    fields = {n: kind if n in needed else st.none() | kind for n, kind in kinds.items()}
    ids = st.uuids().map(str)
    row = st.builds(spec.record_type, ts=instants, **{**fields, "event_id": ids})
    return draw(st.lists(row, min_size=1, max_size=4))


@given(st.data(), st.sampled_from(sorted(STREAMS)))
def test_independent_reader_gets_back_every_value(data: st.DataObject, stream: str) -> None:
    rows = data.draw(rows_of(STREAMS[stream]))
    payload = ilp_over_http("127.0.0.1:1", stream).new_payload()
    payload.encode(Block(rows, range(1, len(rows) + 1), 0, Settlement()))
    expected = []
    for row in rows:
        columns = msgspec.structs.asdict(row)
        microseconds = (columns.pop("ts") - EPOCH) // MICROSECOND
        values = {name: value for name, value in columns.items() if value is not None}
        expected.append((stream, values, microseconds))
    assert read_ilp(b"".join(payload.parts)) == expected


def test_reader_reads_tags_texts_numbers_and_times() -> None:
    double = b"==\x10" + struct.pack("<d", -2.5)
    payload = (
        b't,a\\ b=c\\,d\\=e,x=1 s="q\\"\\\\z, =",i=5i,f=1.5e3,b' + double + b" 1700000000000000t\n"
        b't f="line\\\nbreak" 1700000000000000001000n\n'
        b't f="" 5000\n'
    )
    values = {"a b": "c,d=e", "x": "1", "s": 'q"\\z, =', "i": 5.0, "f": 1500.0, "b": -2.5}
    assert read_ilp(payload) == [
        ("t", values, 1_700_000_000_000_000),
        ("t", {"f": "line\nbreak"}, 1_700_000_000_000_000_001),
        ("t", {"f": ""}, 5),
    ]


@pytest.mark.parametrize(
    "payload",
    [
        b't f="a\nb" 1t\n',
        b't f="a',
        b't f="a\\xb" 1t\n',
        b"t f=1,f=2 1t\n",
        b"t",
        b"t 1t\n",
        b"t f=1",
        b"t,a=b\nc f=1 1t\n",
        b"t f=1 1001n\n",
        b"t f==\x0b12345678 1t\n",
    ],
)
def test_what_is_no_ilp_is_refused(payload: bytes) -> None:
    with pytest.raises(ValueError, match=r"no field|no time|twice|not a whole"):
        read_ilp(payload)
