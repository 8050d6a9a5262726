from datetime import UTC, datetime

from utility_ts_analytics.queries.literals import SampleInterval
from utility_ts_analytics.queries.mean_power import mean_kw_sql
from utility_ts_analytics.queries.time_range import TimeRange


def test_energy_is_divided_by_the_part_of_the_bucket_in_the_range() -> None:
    """`test_overview` and `test_meter_usage_queries_results` have the numbers."""
    period = TimeRange(datetime(2024, 6, 3, tzinfo=UTC), datetime(2024, 6, 4, tzinfo=UTC))
    assert mean_kw_sql(SampleInterval(2, "h"), period) == (
        "kwh * 3600000000.0 / datediff('u',"
        " greatest(ts, '2024-06-03T00:00:00.000000Z'::timestamp),"
        " least(dateadd('h', 2, ts), '2024-06-04T00:00:00.000000Z'::timestamp))"
    )
