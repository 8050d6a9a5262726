"""Law 6 and the golden vectors: ids that have left the house never change."""

import json
import math
import uuid
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import msgspec
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from utility_ts_analytics.records import native
from utility_ts_analytics.records.event_id import assign_event_ids, client_event_id
from utility_ts_analytics.records.reading import Reading
from utility_ts_analytics.records.streams import (
    STREAMS,
    MeterUsage,
    StreamSpec,
)

needs_module = pytest.mark.skipif(
    native.derive_event_ids is None, reason="installed without the compiled module"
)
GOLDEN = Path(__file__).parent / "golden" / "event_ids.jsonl"


class Vector(msgspec.Struct, forbid_unknown_fields=True):
    stream: str
    event_id: str
    record: msgspec.Raw


VECTORS = [
    msgspec.json.decode(line, type=Vector) for line in GOLDEN.read_bytes().splitlines() if line
]


def id_of(row: Reading, stream_number: int = 1) -> str:
    copy = msgspec.structs.replace(row)
    assign_event_ids([copy], stream_number=stream_number)
    assert copy.event_id is not None
    return copy.event_id


@pytest.mark.parametrize("vector", VECTORS, ids=range(len(VECTORS)))
def test_golden_vectors_hold(vector: Vector) -> None:
    spec = STREAMS[vector.stream]
    row = msgspec.json.decode(vector.record, type=spec.signed_record_type)
    assert id_of(row, spec.number) == vector.event_id


def test_golden_vectors_cover_both_streams_and_differ_where_readings_do() -> None:
    assert {vector.stream for vector in VECTORS} == set(STREAMS)
    assert len({vector.event_id for vector in VECTORS}) >= 10


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
numbers = st.sampled_from([0.0, -0.0, 1.0, -1.0, 1e300, 5e-324]) | st.floats(
    allow_nan=False, allow_infinity=False
)
offsets = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
meter_rows = st.builds(
    MeterUsage,
    ts=st.datetimes(datetime(2000, 1, 3), datetime(2099, 12, 28), timezones=offsets),
    meter_id=texts.filter(bool),
    kwh=numbers,
    premise_id=st.none() | texts,
    kvarh=st.none() | numbers,
    kva_demand=st.none() | numbers,
    quality_flag=st.none() | texts,
    source_system=st.none() | texts,
)
SIGNED = STREAMS["meter_usage"].signed_record_type
FIELDS = [name for name in MeterUsage.__struct_fields__ if name != "event_id"]


def content(row: Reading) -> dict[str, object]:
    """What makes two readings equal: UTC instants, minus zero as zero, None apart from ""."""
    return {name: getattr(row, name) for name in FIELDS}


def by_hand(row: Reading, stream_number: int) -> str:
    """Derive an id as the module's docstring says, by other means."""
    fields = {name: value for name, value in content(row).items() if value is not None}
    fields = {k: v + 0.0 if isinstance(v, float) else v for k, v in fields.items()}
    packed = msgspec.msgpack.encode(fields)
    number = xxhash.xxh3_128_intdigest(packed, seed=stream_number)
    number &= ~(0xF << 76) & ~(0x3 << 62)
    return str(uuid.UUID(int=number | 8 << 76 | 2 << 62))


@given(st.lists(meter_rows, max_size=8), st.integers(1, 9))
def test_ids_are_what_the_definition_says(rows: list[MeterUsage], number: int) -> None:
    expected = [by_hand(row, number) for row in rows]
    assign_event_ids(rows, stream_number=number)
    assert [row.event_id for row in rows] == expected
    for text in expected:
        assert uuid.UUID(text).version == 8
        assert uuid.UUID(text).variant == uuid.RFC_4122


@given(meter_rows, meter_rows, st.sampled_from(FIELDS))
def test_equal_readings_have_equal_ids_and_any_change_gives_another(
    one: MeterUsage, other: MeterUsage, field: str
) -> None:
    changed = msgspec.structs.replace(one, **{field: getattr(other, field)})
    for pair in ((one, other), (one, changed), (one, one)):
        equal = content(pair[0]) == content(pair[1])
        assert (id_of(pair[0]) == id_of(pair[1])) == equal


@given(meter_rows, offsets)
def test_offset_of_the_time_does_not_matter(row: MeterUsage, offset: timezone) -> None:
    moved = msgspec.structs.replace(row, ts=row.ts.astimezone(offset))
    assert id_of(moved) == id_of(row)


@given(meter_rows)
def test_key_order_and_spacing_do_not_matter(row: MeterUsage) -> None:
    record = msgspec.to_builtins(row, builtin_types=())
    for text in (
        json.dumps(record),
        json.dumps(dict(reversed(record.items())), indent=3, ensure_ascii=False),
    ):
        assert id_of(msgspec.json.decode(text, type=SIGNED)) == id_of(row)


BASE = MeterUsage(ts=datetime(2024, 5, 1, tzinfo=UTC), meter_id="m", kwh=1.0)


def test_absent_text_differs_from_empty_text() -> None:
    assert id_of(BASE) != id_of(msgspec.structs.replace(BASE, premise_id=""))


def test_value_in_another_field_gives_another_id() -> None:
    quality = msgspec.structs.replace(BASE, quality_flag="A")
    assert id_of(quality) != id_of(msgspec.structs.replace(BASE, source_system="A"))


def test_smallest_steps_give_other_ids() -> None:
    later = msgspec.structs.replace(BASE, ts=BASE.ts + timedelta(microseconds=1))
    more = msgspec.structs.replace(BASE, kwh=math.nextafter(1.0, 2.0))
    assert len({id_of(row) for row in (BASE, later, more)}) == 3


def test_streams_do_not_share_ids() -> None:
    assert id_of(BASE, 1) != id_of(BASE, 2)


@pytest.mark.parametrize(
    ("spec", "values"),
    [
        (STREAMS["meter_usage"], {"meter_id": "m", "kwh": 1.0, "kvarh": 2.0, "premise_id": "p"}),
        (STREAMS["generation_output"], {"plant_id": "p", "mw": 1.0, "unit_id": "u"}),
    ],
    ids=["meter_usage", "generation_output"],
)
def test_allowing_negative_values_changes_no_id(spec: StreamSpec, values: dict[str, Any]) -> None:
    plain = spec.record_type(ts=BASE.ts, **values)
    signed = spec.signed_record_type(ts=BASE.ts, **values)
    assert id_of(plain) == id_of(signed)


def test_text_that_looks_like_minus_zero_is_not_touched() -> None:
    """The text's bytes hold the pattern of an encoded minus zero in UTF-8 as far as it can."""
    row = MeterUsage(ts=BASE.ts, meter_id="ˀ" + "\x00" * 8, kwh=-0.0)
    zero = msgspec.structs.replace(row, kwh=0.0)
    assert id_of(row) == id_of(zero)
    assert id_of(row) != id_of(msgspec.structs.replace(zero, meter_id="ˀ"))


def test_own_and_derived_ids_stand_side_by_side_in_one_block() -> None:
    own = "6e8bc430-9c3a-11d9-9669-0800200c9a66"
    rows = [
        msgspec.structs.replace(BASE, event_id=own.upper()),
        msgspec.structs.replace(BASE),
        msgspec.structs.replace(BASE, event_id="mine"),
        msgspec.structs.replace(BASE, kwh=2.0),
    ]
    assign_event_ids(rows, stream_number=1)
    assert [row.event_id for row in rows] == [
        own,
        id_of(BASE),
        client_event_id("mine"),
        id_of(msgspec.structs.replace(BASE, kwh=2.0)),
    ]


def test_ids_assigned_once_stay_when_assigned_again() -> None:
    rows = [msgspec.structs.replace(BASE)]
    assign_event_ids(rows, stream_number=1)
    first = rows[0].event_id
    assign_event_ids(rows, stream_number=1)
    assert rows[0].event_id == first


def test_no_rows_need_no_ids() -> None:
    assign_event_ids([], stream_number=1)


@given(st.uuids())
def test_uuid_of_the_client_is_kept_in_lower_case(value: uuid.UUID) -> None:
    assert client_event_id(str(value)) == str(value)
    assert client_event_id(str(value).upper()) == str(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "batch-7/line-3",
        "é",
        "6e8bc4309c3a11d996690800200c9a66",
        "{6e8bc430-9c3a-11d9-9669-0800200c9a66}",
        "6e8bc430-9c3a-11d9-9669-0800200c9a66\n",
        "6e8bc430-9c3a-11d9-9669-0800200c9a6g",
        "\u0666e8bc430-9c3a-11d9-9669-0800200c9a66",
        "80000000-0000-0000-8000-000000000000",
    ],
)
def test_other_text_of_the_client_is_hashed(text: str) -> None:
    hashed = client_event_id(text)
    assert hashed != text
    assert uuid.UUID(hashed).version == 8
    assert client_event_id(text) == hashed
    assert client_event_id(hashed) == hashed


def test_different_texts_of_the_client_give_different_ids() -> None:
    assert len({client_event_id(text) for text in ("", " ", "a", "A", "b", "ab")}) == 6


long_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
uuid_texts = st.uuids().map(str)
any_meter_rows = st.builds(
    MeterUsage,
    ts=st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 30), timezones=offsets),
    event_id=st.none() | long_texts | uuid_texts | uuid_texts.map(str.upper),
    meter_id=long_texts,
    kwh=numbers,
    premise_id=st.none() | long_texts,
    kvarh=st.none() | numbers,
    kva_demand=st.none() | numbers,
    quality_flag=st.none() | long_texts,
    source_system=st.none() | long_texts,
)


@needs_module
@given(st.lists(any_meter_rows, max_size=4))
def test_compiled_ids_are_those_of_the_plain_version(rows: list[MeterUsage]) -> None:
    def ids() -> list[str | None]:
        copies = [msgspec.structs.replace(row) for row in rows]
        assign_event_ids(copies, stream_number=1)
        return [row.event_id for row in copies]

    compiled = ids()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "derive_event_ids", None)
        assert ids() == compiled


@needs_module
def test_every_size_of_content_has_the_hash_of_the_plain_version() -> None:
    """The compiled hash has a path for each of several sizes; here up to more than two blocks."""
    ts = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [MeterUsage(ts=ts, meter_id="x" * size, kwh=1.0) for size in range(1, 2500)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "derive_event_ids", None)
        plain = [id_of(row) for row in rows]
    assert [id_of(row) for row in rows] == plain


@pytest.mark.parametrize("is_compiled", [pytest.param(True, marks=needs_module), False])
def test_row_keeps_the_minus_zero_that_its_id_does_not_tell_from_zero(
    is_compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_compiled:
        monkeypatch.setattr(native, "derive_event_ids", None)
    ts = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [MeterUsage(ts=ts, meter_id="m", kwh=zero) for zero in (-0.0, 0.0)]
    assign_event_ids(rows, stream_number=1)
    assert rows[0].event_id == rows[1].event_id
    assert [math.copysign(1.0, row.kwh) for row in rows] == [-1.0, 1.0]
