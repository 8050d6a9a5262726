"""docs/CLI.md is what the parsers say."""

from make_cli_reference import PAGE, reference_page
from utility_ts_analytics.cli.main import COMMANDS, command_named


def test_page_is_up_to_date() -> None:
    assert PAGE.read_text() == reference_page(), "make it again: scripts/make_cli_reference.py"


def test_page_has_every_option_of_every_command() -> None:
    sections = reference_page().split("\n## ")[1:]
    for name, section in zip(COMMANDS, sections, strict=True):
        assert section.startswith(f"`{name}`\n")
        for action in command_named(name).parser()._actions:
            names = action.option_strings or [str(action.metavar).replace("|", "\\|")]
            assert names == ["-h", "--help"] or all(option in section for option in names)
