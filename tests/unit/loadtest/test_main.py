"""The one command: every subcommand is described, with an example of its own."""

import argparse

import pytest
from loadtest.__main__ import COMMANDS, main
from loadtest.command_line import add_counts


@pytest.mark.parametrize("name", COMMANDS)
def test_subcommand_has_help_with_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert printed.startswith(f"usage: python -m loadtest {name} ")
    assert f" Example: python -m loadtest {name} " in printed


def test_subcommands_are_listed_with_their_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    printed = capsys.readouterr().out
    assert all(f"  {name:<12}{text}" in printed for name, (_, text) in COMMANDS.items())


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["no-such"],
        ["bench", "--only", "no-such"],
        ["bench", "x"],
        *(["faults", *it] for it in (["x"], ["--only", "no-such"], ["--sequences", "-1"])),
        *(["faults", "--seconds", it] for it in ("0", "inf")),
        *(["profile", *it] for it in ([], ["no-such"], ["steady", "dirty", "--report", "x"])),
        *(["profile", "steady", *it] for it in (["--seconds", "0"], ["--users", "x"])),
        *(["profile", "steady", "--rate", it] for it in ("-1", "nan", "fast")),
    ],
)
def test_what_cannot_be_run_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2


def test_count_is_a_number_of_at_least_1(capsys: pytest.CaptureFixture[str]) -> None:
    parser = add_counts(argparse.ArgumentParser(), {"body-rows": (7, "rows of one body")})
    assert vars(parser.parse_args([])) == {"body_rows": 7}
    assert vars(parser.parse_args(["--body-rows", "12"])) == {"body_rows": 12}
    for text in ("0", "-1", "1.5", "many", ""):
        with pytest.raises(SystemExit):
            parser.parse_args([f"--body-rows={text}"])
        assert "a whole number of at least 1" in capsys.readouterr().err
