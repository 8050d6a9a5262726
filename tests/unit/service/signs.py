"""Signs of life as a test wants them."""

from utility_ts_analytics.service.beacon import SERVING, Sign
from utility_ts_analytics.telemetry import registry
from utility_ts_analytics.telemetry.layout import BEAT_NS, NS_PER_S, STATE, new_words, offset_of


def sign(
    pid: int = 11,
    *,
    state: int = SERVING,
    beat_s: float = 0.0,
    server_pid: int = 10,
    stream: str = "meter_usage",
    failed_rows: int = 0,
    held_rows: int = 0,
) -> Sign:
    words = new_words()
    words[STATE] = state
    words[BEAT_NS] = round(beat_s * NS_PER_S)
    words[offset_of(registry.ROWS_IN_FLIGHT)] = held_rows
    words[offset_of(registry.ROWS_FAILED, "draining")] = failed_rows
    return Sign(stream, server_pid, pid, words)
