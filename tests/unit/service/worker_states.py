"""States of workers as a test needs them."""

from utility_ts_analytics.service.shared_worker_state import SERVING, WorkerState
from utility_ts_analytics.telemetry import registry
from utility_ts_analytics.telemetry.layout import BEAT_NS, NS_PER_S, STATE, new_words, offset_of


def worker_state(
    pid: int = 11,
    *,
    state: int = SERVING,
    beat_s: float = 0.0,
    server_pid: int = 10,
    stream: str = "meter_usage",
    failed_rows: int = 0,
    held_rows: int = 0,
) -> WorkerState:
    words = new_words()
    words[STATE] = state
    words[BEAT_NS] = round(beat_s * NS_PER_S)
    words[offset_of(registry.ROWS_IN_FLIGHT)] = held_rows
    words[offset_of(registry.ROWS_FAILED, "draining")] = failed_rows
    return WorkerState(stream, server_pid, pid, words)
