"""Log lines are JSON where no one is at a terminal."""

import io
import json
import sys

import pytest
import structlog

from utility_ts_analytics.telemetry.logs import configure_logs, drop_notice, name_process


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
