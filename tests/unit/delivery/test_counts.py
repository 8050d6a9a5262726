"""What a lane does is in its worker's numbers, at once or when a record leaves the spool."""

from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.delivery.counts import LaneCounts
from utility_ts_analytics.telemetry import registry
from utility_ts_analytics.telemetry.layout import offset_of
from utility_ts_analytics.telemetry.measures import Measures

STORED = offset_of(registry.ROWS_STORED, "ilp")
REJECTED = offset_of(registry.ROWS_REJECTED, "sink-rejected")
RETRIES = offset_of(registry.SINK_RETRIES, "ilp", "in-doubt")
SPOOLED = offset_of(registry.ROWS_SPOOLED)


def test_each_call_has_its_number() -> None:
    measures = Measures()
    counts = LaneCounts(measures, ManualClock(), "meter_usage")
    counts.stored(5, 0.1, sink="ilp")
    counts.retried("in-doubt", sink="pgwire")
    counts.failed(2, "draining")
    counts.rejected(1)
    counts.spooled(4)
    counts.recovered(6)
    counts.left_spool(3)
    counts.dead_letter(kept=True)
    counts.fell_back(active=True)
    expected = {
        STORED: 5,
        offset_of(registry.FLUSH_ROWS, "ilp") + 1: 1,
        offset_of(registry.SINK_RETRIES, "pgwire", "in-doubt"): 1,
        offset_of(registry.ROWS_FAILED, "draining"): 2,
        REJECTED: 1,
        offset_of(registry.ROWS_RECOVERED): 6,
        SPOOLED: 7,
        offset_of(registry.DEAD_LETTERS, "kept"): 1,
        offset_of(registry.FALLBACK_ACTIVE): 1,
    }
    assert {offset: measures.words[offset] for offset in expected} == expected
    counts.lost(7)
    assert measures.words[SPOOLED] == 0
    assert measures.words[offset_of(registry.ROWS_FAILED, "spool-damaged")] == 7


def test_ends_of_a_spooled_record_count_only_when_wanted_and_leave_the_spool() -> None:
    measures = Measures()
    counts = LaneCounts(measures, ManualClock(), "meter_usage")

    def numbers() -> list[int]:
        return [measures.words[offset] for offset in (STORED, REJECTED, RETRIES, SPOOLED)]

    counts.spooled(6)
    counts.hold()
    counts.stored(5, 0.1, sink="ilp")
    counts.rejected(1)
    counts.retried("in-doubt", sink="ilp")
    assert numbers() == [0, 0, 1, 6]
    held = counts.take_held()
    counts.stored(9, 0.2, sink="ilp")
    assert numbers() == [9, 0, 1, 6], "only the ends of rows in between are held back"
    seen = []
    for count in held:
        count()
        seen.append(numbers())
    assert seen == [[9, 0, 1, 1], [14, 0, 1, 1], [14, 0, 1, 0], [14, 1, 1, 0]]
    assert counts.take_held() == []
