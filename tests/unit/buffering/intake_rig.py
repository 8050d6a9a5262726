"""Intakes, queues and rows for the tests of `buffering.intake`."""

from collections.abc import Sequence
from datetime import UTC, datetime

from utility_ts_analytics.buffering.intake import Intake, IntakeSession
from utility_ts_analytics.buffering.queue import BlockQueue
from utility_ts_analytics.records.streams import MeterUsage

TS = datetime(2026, 1, 1, tzinfo=UTC)


def readings(rows: int) -> Sequence[MeterUsage]:
    return [MeterUsage(ts=TS, meter_id=f"m-{number}", kwh=1.0) for number in range(rows)]


def intake_of(*queues: BlockQueue, max_concurrent_requests: int = 10) -> Intake:
    return Intake(queues, max_concurrent_requests=max_concurrent_requests, refusal=lambda: None)


def opened(intake: Intake) -> IntakeSession:
    session = intake.try_open()
    assert session is not None
    return session


def queue_of(rows_max: int = 10) -> BlockQueue:
    return BlockQueue(rows_max=rows_max, bytes_max=10_000)
