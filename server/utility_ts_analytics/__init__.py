"""Ingestion of electric-utility readings into QuestDB, and answers about them.

The command is `ingestion-service`. The names in `__all__` are the public Python API
(docs/PYTHON.md); each is imported when it is first used, so that importing the package loads none
of polars, pyarrow, duckdb and matplotlib.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from utility_ts_analytics.analysis.engine import Analysis
    from utility_ts_analytics.analysis.sources import sources_of
    from utility_ts_analytics.config import load_config
    from utility_ts_analytics.database.pool import Pool, connected
    from utility_ts_analytics.database.reads import (
        Query,
        fetch_arrow,
        fetch_polars,
        fetch_rows,
        stream_arrow,
        stream_rows,
    )
    from utility_ts_analytics.queries.readings import (
        generation_output_scan,
        latest_reading,
        latest_readings,
        load_profile,
        meter_usage_scan,
    )
    from utility_ts_analytics.queries.tariff_file import read_tariff
    from utility_ts_analytics.queries.time_range import TimeRange

__version__ = "0.2.0"

__all__ = [
    "Analysis",
    "Pool",
    "Query",
    "TimeRange",
    "connected",
    "fetch_arrow",
    "fetch_polars",
    "fetch_rows",
    "generation_output_scan",
    "latest_reading",
    "latest_readings",
    "load_config",
    "load_profile",
    "meter_usage_scan",
    "read_tariff",
    "sources_of",
    "stream_arrow",
    "stream_rows",
]

_MODULE_OF: Final = {
    "Analysis": "utility_ts_analytics.analysis.engine",
    "Pool": "utility_ts_analytics.database.pool",
    "Query": "utility_ts_analytics.database.reads",
    "TimeRange": "utility_ts_analytics.queries.time_range",
    "connected": "utility_ts_analytics.database.pool",
    "fetch_arrow": "utility_ts_analytics.database.reads",
    "fetch_polars": "utility_ts_analytics.database.reads",
    "fetch_rows": "utility_ts_analytics.database.reads",
    "generation_output_scan": "utility_ts_analytics.queries.readings",
    "latest_reading": "utility_ts_analytics.queries.readings",
    "latest_readings": "utility_ts_analytics.queries.readings",
    "load_config": "utility_ts_analytics.config",
    "load_profile": "utility_ts_analytics.queries.readings",
    "meter_usage_scan": "utility_ts_analytics.queries.readings",
    "read_tariff": "utility_ts_analytics.queries.tariff_file",
    "sources_of": "utility_ts_analytics.analysis.sources",
    "stream_arrow": "utility_ts_analytics.database.reads",
    "stream_rows": "utility_ts_analytics.database.reads",
}


if not TYPE_CHECKING:  # or a type checker would take every name for one of ours

    def __getattr__(name: str) -> object:
        """Import a public name from its module (PEP 562).

        Raises:
            AttributeError: The name is not public.
        """
        if name not in _MODULE_OF:
            msg = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(msg)
        return getattr(import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    """Return the public names and the version."""
    return [*__all__, "__version__"]
