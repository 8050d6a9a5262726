"""Equal rows have equal hashes, and whatever differs in them shows."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.records.column_rig import (
    METERS,
    UNITS,
    Record,
    batch_of,
    every_stream,
    records,
)

from utility_ts_analytics.records import native, row_versions
from utility_ts_analytics.records.columns import rows_of_columns
from utility_ts_analytics.records.reading import Reading
from utility_ts_analytics.records.row_versions import (
    VERSION_BYTES,
    index_of_version,
    plain_row_versions,
    versions_of_rows,
)
from utility_ts_analytics.records.streams import GenerationOutput, MeterUsage, StreamSpec

TS = datetime(2026, 1, 1, tzinfo=UTC)

needs_module = pytest.mark.skipif(
    native.row_versions is None, reason="installed without the compiled module"
)


def meter(**fields: Any) -> MeterUsage:
    return MeterUsage(**{"ts": TS, "meter_id": "m", "kwh": 1.0, **fields})


def unit(**fields: Any) -> GenerationOutput:
    return GenerationOutput(**{"ts": TS, "plant_id": "p", "mw": 1.0, **fields})


def hashes(row: Reading) -> tuple[bytes, bytes]:
    """Return the hash of the key and that of the content."""
    spec = METERS if isinstance(row, MeterUsage) else UNITS
    version = versions_of_rows([row], spec)
    assert len(version) == VERSION_BYTES
    return version[:8], version[8:]


@needs_module
@settings(max_examples=300)
@given(st.data(), every_stream)
def test_compiled_and_plain_versions_are_equal(data: st.DataObject, spec: StreamSpec) -> None:
    drawn: list[Record] = data.draw(st.lists(records(spec), max_size=8))
    rows = rows_of_columns(batch_of(drawn, spec), spec.record_type)
    plain = plain_row_versions(rows, spec.dedup_keys, spec.number)
    assert versions_of_rows(rows, spec) == plain
    assert len(plain) == VERSION_BYTES * len(rows)


@needs_module
def test_contents_of_any_size_are_hashed_alike() -> None:
    """The hash has a path for each of several sizes."""
    rows = [meter(meter_id="x" * size, quality_flag="é" * (size % 7)) for size in range(1, 1300)]
    assert versions_of_rows(rows, METERS) == plain_row_versions(rows, METERS.dedup_keys, 1)


def test_without_the_compiled_module_the_hashes_are_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = [meter(), meter(kwh=2.0)]
    compiled = versions_of_rows(rows, METERS)
    monkeypatch.setattr(native, "row_versions", None)
    assert versions_of_rows(rows, METERS) == compiled


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (meter(kwh=0.0), meter(kwh=-0.0)),
        (meter(kvarh=-0.0), meter(kvarh=0.0)),
        (meter(event_id="a"), meter(event_id="b")),
        (meter(event_id="a"), meter()),
        (meter(), meter(ts=TS.astimezone(timezone(timedelta(hours=5, minutes=30))))),
        (unit(unit_id=None), unit()),
    ],
    ids=str,
)
def test_rows_that_say_the_same_have_equal_hashes(left: Reading, right: Reading) -> None:
    assert hashes(left) == hashes(right)


@pytest.mark.parametrize(
    "change",
    [
        {"kwh": 1.0000000000000002},
        {"kvarh": 0.0},
        {"kva_demand": 1.0},
        {"premise_id": ""},
        {"quality_flag": "VALID"},
        {"source_system": "VALID"},
    ],
    ids=str,
)
def test_any_other_value_is_another_version_of_the_same_key(change: dict[str, Any]) -> None:
    (key, content), (other_key, other_content) = hashes(meter()), hashes(meter(**change))
    assert key == other_key
    assert content != other_content


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (meter(), meter(ts=TS + timedelta(microseconds=1))),
        (meter(), meter(meter_id="M")),
        (meter(), meter(meter_id="m ")),
        (unit(), unit(unit_id="")),
        (unit(unit_id="1"), unit(unit_id="2")),
        (unit(plant_id="ab", unit_id="c"), unit(plant_id="a", unit_id="bc")),
        (unit(plant_id="a\0", unit_id="b"), unit(plant_id="a", unit_id="\0b")),
    ],
    ids=str,
)
def test_any_other_part_of_the_key_is_another_key(left: Reading, right: Reading) -> None:
    assert hashes(left)[0] != hashes(right)[0]
    assert hashes(left)[1] != hashes(right)[1]


def test_texts_that_change_fields_are_other_contents() -> None:
    assert hashes(meter(quality_flag="a"))[1] != hashes(meter(source_system="a"))[1]
    left, right = meter(quality_flag="a", source_system="b"), meter(quality_flag="ab")
    assert hashes(left)[1] != hashes(right)[1]


def test_a_row_is_found_by_its_hashes() -> None:
    rows = [meter(kwh=float(number // 2)) for number in range(6)]
    versions = versions_of_rows(rows, METERS)
    assert index_of_version(versions, versions_of_rows([meter(kwh=2.0)], METERS)) == 4
    assert index_of_version(versions, versions_of_rows([meter(kwh=9.0)], METERS)) is None
    assert index_of_version(bytes(15) + b"\1" + bytes(32), bytes(16)) == 1


def test_rows_are_left_as_they_are() -> None:
    row = meter(event_id="mine", kwh=-0.0)
    versions_of_rows([row], METERS)
    assert row == meter(event_id="mine", kwh=-0.0)
    assert str(row.kwh) == "-0.0"


def test_a_field_of_another_kind_is_a_fault_of_ours() -> None:
    with pytest.raises(AssertionError):
        plain_row_versions([meter(kwh=1)], METERS.dedup_keys, 1)


def test_chance_of_two_equal_keys_is_as_documented() -> None:
    keys = 100_000_000
    assert round(2**64 / (keys * (keys - 1) / 2)) in range(3_600, 3_750)
    assert "one in 3,700" in (row_versions.__doc__ or "")
