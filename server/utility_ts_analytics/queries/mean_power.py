"""Energy of a bucket of time as mean power: a part of SQL text."""

from utility_ts_analytics.queries.literals import SampleInterval, quote_timestamp
from utility_ts_analytics.queries.time_range import TimeRange

_MICROSECONDS_PER_HOUR = "3600000000.0"


def mean_kw_sql(bucket: SampleInterval, time_range: TimeRange) -> str:
    """Return `kwh` / hours of that part of the bucket at `ts` that lies in the range.

    Args:
        bucket: Of the SAMPLE BY that gave `ts` and `kwh`.
        time_range: What readings were asked for: it may cut the first and the last bucket.
    """
    start = f"greatest(ts, {quote_timestamp(time_range.start)}::timestamp)"
    end = (
        f"least(dateadd('{bucket.unit}', {bucket.count}, ts),"
        f" {quote_timestamp(time_range.end)}::timestamp)"
    )
    return f"kwh * {_MICROSECONDS_PER_HOUR} / datediff('u', {start}, {end})"
