"""The memory of a process is what the kernel says."""

from utility_ts_analytics.service.memory import resident_bytes


def test_memory_that_is_used_is_seen() -> None:
    before = resident_bytes()
    assert before > 5_000_000
    held = b"x" * 50_000_000
    assert resident_bytes() - before > 40_000_000
    del held
