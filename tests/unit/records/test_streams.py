"""The table of streams: what it says of a stream's columns fits its record type."""

import pytest

from utility_ts_analytics.records.streams import STREAMS, StreamSpec

every_stream = pytest.mark.parametrize("spec", STREAMS.values(), ids=STREAMS)


@every_stream
def test_columns_are_the_fields_of_the_record_each_once(spec: StreamSpec) -> None:
    columns = ["ts", "event_id", *spec.texts, *spec.numbers]
    assert sorted(columns) == sorted(spec.record_type.__struct_fields__)


@every_stream
def test_signed_record_has_the_same_fields_in_the_same_order(spec: StreamSpec) -> None:
    assert spec.signed_record_type.__struct_fields__ == spec.record_type.__struct_fields__
    assert spec.type_for(allow_negative=True) is spec.signed_record_type
    assert spec.type_for(allow_negative=False) is spec.record_type


@every_stream
def test_key_begins_with_the_time_and_has_only_texts_besides(spec: StreamSpec) -> None:
    assert spec.dedup_keys[0] == "ts"
    assert set(spec.dedup_keys[1:]) <= set(spec.texts)


def test_numbers_that_seed_ids_are_fixed_and_not_that_of_the_clients_texts() -> None:
    assert {name: spec.number for name, spec in STREAMS.items()} == {
        "meter_usage": 1,
        "generation_output": 2,
    }


def test_streams_are_known_by_their_own_names() -> None:
    assert all(name == spec.name for name, spec in STREAMS.items())
