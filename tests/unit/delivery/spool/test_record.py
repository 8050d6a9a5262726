"""Rows come back exactly as they were, or not at all."""

from datetime import UTC, datetime, timedelta, timezone

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.delivery.spool.spool_rig import SPEC, batch

from utility_ts_analytics.delivery.spool.record import decode_rows, digest_of, encode_rows
from utility_ts_analytics.records.reading import Reading
from utility_ts_analytics.records.streams import MeterUsage

DECODER = msgspec.json.Decoder(SPEC.signed_record_type)

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
times = st.datetimes(datetime(2000, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC))
readings = st.builds(
    SPEC.signed_record_type,
    ts=times,
    meter_id=texts.filter(bool),
    kwh=st.floats(allow_nan=False, allow_infinity=False),
    quality_flag=st.none() | texts,
)


@given(st.lists(readings, min_size=1, max_size=20))
def test_rows_come_back_as_they_were(rows: list[Reading]) -> None:
    parts = list(encode_rows(rows))
    assert decode_rows(parts, digest_of(parts), DECODER) == rows


def test_rows_of_another_zone_are_kept_in_utc() -> None:
    ts = datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    parts = list(encode_rows([MeterUsage(ts=ts, meter_id="m", kwh=1.0)]))
    assert b'"2026-01-01T00:00:00Z"' in parts[0]
    rows = decode_rows(parts, digest_of(parts), DECODER)
    assert rows is not None
    assert rows[0].ts.tzinfo is UTC


def test_large_records_have_parts() -> None:
    assert len(list(encode_rows(batch(0, 2_500)))) == 3


def test_any_change_is_noticed() -> None:
    parts = list(encode_rows(batch(0, 3)))
    digest = digest_of(parts)
    for at in range(len(parts[0])):
        spoilt = bytearray(parts[0])
        spoilt[at] ^= 1
        assert decode_rows([bytes(spoilt)], digest, DECODER) is None
    assert decode_rows([], digest, DECODER) is None


def test_rows_that_this_version_does_not_know_are_none() -> None:
    parts = [b'{"ts":"2026-01-01T00:00:00Z"}\n']
    assert decode_rows(parts, digest_of(parts), DECODER) is None
