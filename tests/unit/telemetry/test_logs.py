"""Log lines are JSON where no one is at a terminal."""

import io
import json
import sys

import pytest
import structlog

from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.telemetry.logs import (
    FAULTS_MAX,
    KINDS_MAX,
    THROTTLE_INTERVAL_S,
    THROTTLE_LINES_MAX,
    LogThrottle,
    configure_logs,
    drop_notice,
    format_fault,
    name_process,
    report_left_out,
)


@pytest.fixture(autouse=True)
def _reset() -> object:
    yield
    structlog.reset_defaults()


def test_json_lines_carry_level_time_and_fields(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(level="info", log_format="json")
    structlog.get_logger("x").warning("a table is missing", table="t")
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["level"], line["table"]) == ("a table is missing", "warning", "t")
    assert line["timestamp"].endswith("Z")


def test_lines_below_the_level_are_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(level="error", log_format="console")
    structlog.get_logger("x").warning("no")
    structlog.get_logger("x").error("yes")
    written = capsys.readouterr().err
    assert "yes" in written
    assert "no" not in written.replace("now", "")


def test_fields_of_the_process_are_on_every_line_that_has_none_of_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs(level="info", log_format="json")
    name_process(stream="meter_usage")
    try:
        structlog.get_logger().info("a")
        structlog.get_logger().info("b", stream="other")
    finally:
        name_process()
    streams = [json.loads(line)["stream"] for line in capsys.readouterr().err.splitlines()]
    assert streams == ["meter_usage", "other"]


def test_notice_of_dropped_lines_has_the_format_of_all_lines_and_is_above_every_level(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs(level="error", log_format="json")
    structlog.get_logger().error("a line")
    [line] = map(json.loads, capsys.readouterr().err.splitlines())
    notice = json.loads(drop_notice(3))
    assert notice.keys() - {"dropped_lines"} == line.keys()
    assert (notice["level"], notice["dropped_lines"]) == ("warning", 3)


def test_lines_go_to_what_is_standard_error_when_they_are_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    configure_logs(level="info", log_format="json")
    replaced = io.StringIO()
    monkeypatch.setattr(sys, "stderr", replaced)
    structlog.get_logger().info("a")
    assert json.loads(replaced.getvalue())["event"] == "a"


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
    clock.advance(THROTTLE_INTERVAL_S)
    report_left_out()
    written = lines(capsys)
    assert len(written) <= 7 * (THROTTLE_LINES_MAX + 2)
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
    rest = lines(capsys)[THROTTLE_LINES_MAX:]
    assert [(line["event"], line.get("code")) for line in rest] == [
        ("request refused", "unauthorized"),
        ("a worker died", None),
    ]


def test_next_interval_begins_with_what_was_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    clock = ManualClock()
    configure_logs(level="info", log_format="json", clock=clock)
    for _ in range(THROTTLE_LINES_MAX + 3):
        structlog.get_logger().info("x")
    clock.advance(THROTTLE_INTERVAL_S)
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
    assert passed == KINDS_MAX + THROTTLE_LINES_MAX
    clock.advance(THROTTLE_INTERVAL_S)
    [others] = throttle.take_left_out()
    assert others["left_out"] == 2 * KINDS_MAX - THROTTLE_LINES_MAX
    assert list(throttle.take_left_out()) == []


def told(error: BaseException) -> str:
    return str(format_fault(None, "error", {"event": "x", "exc_info": error})["exception"])


def secret_failure() -> None:
    try:
        float("m-4711")
    except ValueError as cause:
        raise KeyError("m-4711") from cause


def test_types_and_places_of_all_causes_are_told_and_no_value() -> None:
    with pytest.raises(KeyError) as caught:
        secret_failure()
    text = told(caught.value)
    assert "in secret_failure" in text
    assert "KeyError" in text
    assert "ValueError" in text
    assert "m-4711" not in text.replace('float("m-4711")', "").replace('KeyError("m-4711")', "")


def test_errors_of_the_system_are_quoted() -> None:
    assert told(OSError(28, "No space left on device")).endswith("OSError: No space left on device")


def test_exception_being_handled_is_found_and_other_lines_are_left_alone() -> None:
    try:
        [].pop()
    except IndexError:
        line = format_fault(None, "error", {"event": "x", "exc_info": True})
    assert str(line["exception"]).endswith("IndexError")
    assert format_fault(None, "info", {"event": "x"}) == {"event": "x"}
