"""Where an exception came from is logged; what it says may be a value and is not."""

import pytest

from utility_ts_analytics.telemetry.faults import format_fault


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
