"""The one command: every subcommand is described, with an example of its own."""

import pytest
from loadtest.__main__ import COMMANDS, main


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


@pytest.mark.parametrize("arguments", [[], ["no-such"]])
def test_unknown_subcommand_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
