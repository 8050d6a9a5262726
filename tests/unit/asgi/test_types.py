"""The bound on a decompressed body is the smaller of two, and is named by its own setting."""

import pytest

from utility_ts_analytics.asgi.types import IngestLimits


@pytest.mark.parametrize(
    ("body", "ndjson_body", "decompressed", "ndjson", "expected"),
    [
        (10, 0, 100, False, (10, "max_body_bytes")),
        (200, 0, 100, False, (100, "max_decompressed_bytes")),
        (10, 0, 100, True, (100, "max_decompressed_bytes")),
        (10, 50, 100, True, (50, "max_ndjson_body_bytes")),
    ],
)
def test_the_smaller_bound_holds(
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
        body_idle_timeout_s=1.0,
        body_min_rate_bytes=0,
        delivery_timeout_s=1.0,
    )
    assert limits.plain_bytes_max(ndjson=ndjson) == expected
