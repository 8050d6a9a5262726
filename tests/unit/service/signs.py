"""Signs of life as a test wants them."""

from utility_ts_analytics.service.beacon import SERVING, Sign


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
    return Sign(
        stream=stream,
        server_pid=server_pid,
        pid=pid,
        state=state,
        beat_s=beat_s,
        stored_rows=0,
        rejected_rows=0,
        failed_rows=failed_rows,
        held_rows=held_rows,
        retries=0,
        spooled_rows=0,
        fallback_lanes=0,
    )
