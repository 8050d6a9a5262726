"""Limits hold over all blocks of a request, and each error names the setting that it is from."""

import pytest

from utility_ts_analytics.asgi.settings import IngestLimits
from utility_ts_analytics.errors import TooManyDays, TooManyRecords
from utility_ts_analytics.reading.ndjson import Decoded
from utility_ts_analytics.reading.summary import ReadSummary


@pytest.mark.parametrize(
    ("body", "ndjson_body", "decompressed", "ndjson", "expected"),
    [
        (10, 0, 100, False, (10, "max_body_bytes")),
        (200, 0, 100, False, (100, "max_decompressed_bytes")),
        (10, 0, 100, True, (100, "max_decompressed_bytes")),
        (10, 50, 100, True, (50, "max_ndjson_body_bytes")),
    ],
)
def test_smaller_bound_of_a_decompressed_body_holds_and_is_named(
    body: int, ndjson_body: int, decompressed: int, ndjson: bool, expected: tuple[int, str]
) -> None:
    limits = IngestLimits(
        max_body_bytes=body,
        max_ndjson_body_bytes=ndjson_body,
        max_decompressed_bytes=decompressed,
        max_request_records=0,
        max_request_days=0,
        max_line_bytes=1,
        max_future_minutes=0,
        body_idle_timeout_ms=1_000,
        body_min_rate_bytes=0,
        delivery_timeout_ms=1_000,
    )
    assert limits.decompressed_max(ndjson=ndjson) == expected


def limits(*, records: int, days: int) -> IngestLimits:
    return IngestLimits(1, 0, 1, records, days, 1, 0, 1_000, 0, 1_000)


def test_limits_of_records_and_days_hold_over_all_blocks_of_a_request() -> None:
    summary = ReadSummary()
    for days in ({1, 2}, {2, 3}):
        summary.add(Decoded((), (), (), 3, 0, frozenset(days)))
    limits(records=6, days=3).check_or_raise(summary)
    limits(records=0, days=0).check_or_raise(summary)
    with pytest.raises(TooManyRecords, match=r"5 records \(max_request_records\)"):
        limits(records=5, days=3).check_or_raise(summary)
    with pytest.raises(TooManyDays, match=r"2 different days \(max_request_days\)"):
        limits(records=6, days=2).check_or_raise(summary)
