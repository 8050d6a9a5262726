"""Row types are the columns that the builders' docstrings promise, in their order."""

import re

import pytest
from msgspec import Struct

from utility_ts_analytics.analysis.balance_row import BalanceRow
from utility_ts_analytics.analysis.report import answers
from utility_ts_analytics.queries import overview, time_of_use
from utility_ts_analytics.queries.completeness import completeness_sql
from utility_ts_analytics.queries.feeder_balance import feeder_balance_sql
from utility_ts_analytics.queries.losses import feeder_losses_sql
from utility_ts_analytics.queries.meter_usage_queries import aggregated_segment_load_sql
from utility_ts_analytics.queries.saved import notes_of


@pytest.mark.parametrize(
    ("row_type", "builder"),
    [
        (answers.UsualInterval, overview.usual_interval_sql),
        (answers.SystemLoad, overview.system_load_sql),
        (answers.SegmentLoad, aggregated_segment_load_sql),
        (answers.CompletenessTotals, overview.completeness_totals_sql),
        (answers.MeterGaps, overview.least_complete_meters_sql),
        (answers.MeterDay, completeness_sql),
        (answers.EstimatedDay, overview.estimated_days_sql),
        (answers.FeederLosses, feeder_losses_sql),
        (BalanceRow, feeder_balance_sql),
        # The key stands among others there.
        (answers.PeriodEnergy, time_of_use.time_of_use_sql),
        (answers.TypicalDay, time_of_use.typical_day_sql),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_row_type_has_the_documented_columns(row_type: type[Struct], builder: object) -> None:
    promised = [
        name
        for line in re.findall(r"^- (`[^:\n]*)", notes_of(builder), re.MULTILINE)  # type: ignore[arg-type] # all are builders
        for name in re.findall(r"`(\w+)`", line.partition(":")[0])
    ]
    wanted = list(row_type.__struct_fields__)
    assert [name for name in promised if name not in {"meter_id", "tariff_code"} - set(wanted)] == (
        wanted
    )
