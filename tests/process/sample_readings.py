"""Readings for the tests that post them: few fields, values that tell each other apart."""

from datetime import UTC, datetime, timedelta

from tests.process.raw_http import json_lines

START = datetime(2024, 1, 1, tzinfo=UTC)


def readings(meter_id: str, count: int, *, step_s: int = 900) -> list[dict[str, object]]:
    """Return `count` readings of one meter, `step_s` seconds apart, with kwh = index + 0.1."""
    return [
        {
            "ts": (START + timedelta(seconds=step_s * index)).isoformat(),
            "meter_id": meter_id,
            "kwh": index + 0.1,
        }
        for index in range(count)
    ]


def reading_lines(meter_id: str, count: int, *, step_s: int = 900) -> bytes:
    """Return `readings` as NDJSON."""
    return json_lines(readings(meter_id, count, step_s=step_s))


def expected_kwh(count: int) -> list[float]:
    """Return the kwh values of `readings`, by time."""
    return [index + 0.1 for index in range(count)]
