"""What commands print in common, and files that are there whole or not at all."""

import io
from pathlib import Path

import pytest

from utility_ts_analytics.cli.terminal import (
    LINES_SHOWN,
    print_checks,
    print_some,
    progress_line,
    show_progress,
    written_whole,
)
from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.service.monitoring.checks import CheckLine


def test_file_is_replaced_at_the_end_of_the_block(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("old")
    with written_whole(path) as new:
        new.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_file_that_cannot_be_completed_leaves_the_old_one_alone(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("old")
    with pytest.raises(OperatorError, match=r"cannot write .*page\.html: "), written_whole(path):
        pass  # nothing was written
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_block_that_fails_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "page.html"

    def write_half() -> None:
        with written_whole(path) as new:
            new.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert list(tmp_path.iterdir()) == []


def test_long_list_is_cut_and_its_rest_counted() -> None:
    text = io.StringIO()
    print_some([str(number) for number in range(LINES_SHOWN + 2)], to=text)
    assert text.getvalue().splitlines()[-2:] == [str(LINES_SHOWN - 1), "and 2 more: --json has all"]


def test_checks_fail_together(capsys: pytest.CaptureFixture[str]) -> None:
    assert print_checks([CheckLine("a", ok=True)], as_json=False) == 0
    assert print_checks([CheckLine("a", ok=True), CheckLine("b", ok=False)], as_json=False) == 1
    assert capsys.readouterr().out == "ok   a\nok   a\nFAIL b\n"


def test_progress_is_for_terminals(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_line():
        show_progress("half")
    assert capsys.readouterr().err == ""
