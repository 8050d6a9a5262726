"""Whatever a lane tells ends up in the worker's numbers."""

from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.service.lane_counts import LaneCounts
from utility_ts_analytics.sinks.observer import LaneObserver
from utility_ts_analytics.telemetry import registry
from utility_ts_analytics.telemetry.layout import offset_of
from utility_ts_analytics.telemetry.measures import Measures


def test_each_call_has_its_number() -> None:
    measures = Measures()
    counts: LaneObserver = LaneCounts(measures, ManualClock(), "meter_usage")
    counts.delivered(5, 0.1, sink="ilp")
    counts.retried("in-doubt", sink="pgwire")
    counts.failed(2, "draining")
    counts.rejected(1)
    counts.spooled(4)
    counts.recovered(6)
    counts.left_spool(3)
    counts.dead_letter(kept=True)
    counts.fell_back(active=True)
    expected = {
        offset_of(registry.ROWS_STORED, "ilp"): 5,
        offset_of(registry.FLUSH_ROWS, "ilp") + 1: 1,
        offset_of(registry.SINK_RETRIES, "pgwire", "in-doubt"): 1,
        offset_of(registry.ROWS_FAILED, "draining"): 2,
        offset_of(registry.ROWS_REJECTED, "sink-rejected"): 1,
        offset_of(registry.ROWS_RECOVERED): 6,
        offset_of(registry.ROWS_SPOOLED): 7,
        offset_of(registry.DEAD_LETTERS, "kept"): 1,
        offset_of(registry.FALLBACK_ACTIVE): 1,
    }
    assert {offset: measures.words[offset] for offset in expected} == expected
    counts.lost(7)
    assert measures.words[offset_of(registry.ROWS_SPOOLED)] == 0
    assert measures.words[offset_of(registry.ROWS_FAILED, "spool-damaged")] == 7
