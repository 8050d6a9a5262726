"""The first lines of a kind are written, then how many more there were; other kinds go on."""

import json

import pytest
import structlog

from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.telemetry.log_throttle import (
    FAULTS_MAX,
    INTERVAL_S,
    KINDS_MAX,
    LINES_MAX,
    LogThrottle,
)
from utility_ts_analytics.telemetry.logs import configure_logs, report_left_out


@pytest.fixture(autouse=True)
def _reset() -> object:
    yield
    structlog.reset_defaults()


def lines(captured: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in captured.readouterr().err.splitlines()]


def test_ten_thousand_refused_requests_in_a_minute_are_a_few_lines_and_all_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = ManualClock()
    configure_logs(level="info", log_format="json", clock=clock)
    log = structlog.get_logger("ingest")
    for number in range(10_000):
        log.info("request refused", stream="meter_usage", code="overloaded", request_id=number)
        clock.advance(0.006)
        if number % 100 == 0:
            report_left_out()
    clock.advance(INTERVAL_S)
    report_left_out()
    written = lines(capsys)
    assert len(written) <= 7 * (LINES_MAX + 2)
    refused = [line for line in written if line["event"] == "request refused"]
    left_out = sum(int(str(line.get("left_out", 0))) for line in written)
    assert len(refused) + left_out == 10_000
    reports = [line for line in written if line["event"] == "lines were left out of the log"]
    assert {(line["of"], line["code"]) for line in reports} == {("request refused", "overloaded")}


def test_flood_of_one_kind_hides_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(level="info", log_format="json", clock=ManualClock())
    log = structlog.get_logger("ingest")
    for _ in range(1000):
        log.info("request refused", code="overloaded")
    log.info("request refused", code="unauthorized")
    log.error("a worker died", pid=7)
    rest = lines(capsys)[LINES_MAX:]
    assert [(line["event"], line.get("code")) for line in rest] == [
        ("request refused", "unauthorized"),
        ("a worker died", None),
    ]


def test_next_interval_begins_with_what_was_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    clock = ManualClock()
    configure_logs(level="info", log_format="json", clock=clock)
    for _ in range(LINES_MAX + 3):
        structlog.get_logger().info("x")
    clock.advance(INTERVAL_S)
    structlog.get_logger().info("x")
    assert lines(capsys)[-1]["left_out"] == 3
    report_left_out()
    assert lines(capsys) == []


def test_exceptions_have_more_room(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(level="info", log_format="json", clock=ManualClock())
    for _ in range(FAULTS_MAX + 5):
        try:
            [].pop()
        except IndexError:
            structlog.get_logger().exception("request failed")
    assert len(lines(capsys)) == FAULTS_MAX


def test_memory_is_bounded_whatever_is_logged() -> None:
    clock = ManualClock()
    throttle = LogThrottle(clock)
    passed = 0
    for number in range(3 * KINDS_MAX):
        try:
            throttle(None, "info", {"event": f"e{number}", "code": [number]})
            passed += 1
        except structlog.DropEvent:
            continue
    assert passed == KINDS_MAX + LINES_MAX
    clock.advance(INTERVAL_S)
    [others] = throttle.take_left_out()
    assert others["left_out"] == 2 * KINDS_MAX - LINES_MAX
    assert list(throttle.take_left_out()) == []
