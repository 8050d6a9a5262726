"""Log lines are JSON where no one is at a terminal."""

import json

import pytest
import structlog

from utility_ts_analytics.telemetry.logs import configure_logs


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
