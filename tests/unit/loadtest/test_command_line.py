"""Options that are counts."""

import argparse

import pytest
from loadtest.command_line import add_counts


@pytest.fixture
def parser() -> argparse.ArgumentParser:
    return add_counts(argparse.ArgumentParser(), {"body-rows": (7, "rows of one body")})


def test_count_has_its_default(parser: argparse.ArgumentParser) -> None:
    assert vars(parser.parse_args([])) == {"body_rows": 7}


def test_count_is_taken_as_a_number(parser: argparse.ArgumentParser) -> None:
    assert vars(parser.parse_args(["--body-rows", "12"])) == {"body_rows": 12}


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "many", ""])
def test_anything_but_a_count_is_refused(
    parser: argparse.ArgumentParser, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parser.parse_args([f"--body-rows={text}"])
    assert ended.value.code == 2
    assert "a whole number of at least 1" in capsys.readouterr().err
