"""All saved queries, topic by topic. A new topic is one name in the import and one line below."""

from utility_ts_analytics.queries import (
    completeness,
    feeder_balance,
    feeder_loading,
    generation,
    late_arrivals,
    losses,
    meter_usage_queries,
    overview,
    peaks,
    quality,
    readings,
    time_of_use,
)
from utility_ts_analytics.queries.saved import SavedQuery

TOPICS: tuple[tuple[SavedQuery, ...], ...] = (
    # One line per topic, in the order of docs/ANALYSES.md.
    meter_usage_queries.SAVED,
    overview.SAVED,
    time_of_use.SAVED,
    completeness.SAVED,
    quality.SAVED,
    late_arrivals.SAVED,
    readings.SAVED,
    peaks.SAVED,
    generation.SAVED,
    feeder_balance.SAVED,
    losses.SAVED,
    feeder_loading.SAVED,
)


def saved_queries() -> tuple[SavedQuery, ...]:
    """Return every saved query, in the order of the topics; no two have one name."""
    return tuple(query for topic in TOPICS for query in topic)
