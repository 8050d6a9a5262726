"""Arguments in, exit code out: help, usage errors, and what each kind of trouble prints."""

import argparse
import dataclasses
import importlib
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from utility_ts_analytics import __version__
from utility_ts_analytics.cli.load import load_options
from utility_ts_analytics.cli.main import COMMANDS, command_named, main
from utility_ts_analytics.errors import ConfigError, OperatorError, QuestDBUnavailable
from utility_ts_analytics.files.options import LoadOptions

Run = Callable[[argparse.Namespace], int]
Replace = Callable[[str, Run], None]


@pytest.fixture
def replace(monkeypatch: pytest.MonkeyPatch) -> Replace:
    """Return a function that gives a command something else to do."""

    def replace(name: str, run: Run) -> None:
        module = importlib.import_module(f"utility_ts_analytics.cli.{name.replace('-', '_')}")
        monkeypatch.setattr(module, "COMMAND", dataclasses.replace(module.COMMAND, run=run))

    return replace


def raising(error: BaseException) -> Run:
    def run(_: argparse.Namespace) -> int:
        raise error

    return run


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("serve", ["--config"]),
        ("dev", ["--config", "--data-dir", "--once"]),
        ("check", ["--config", "--json"]),
        ("schema", ["--config", "--json", "--views", "--zone", "apply", "show"]),
        ("feeder-balance", ["--config", "--json", "--from", "--to", "--every", "--dry-run"]),
        (
            "load",
            [
                *("--config", "--json", "--into", "PATH", "--mapping", "--format", "--dry-run"),
                *("--refused", "--max-refused", "--on-conflict", "--journal", "--restart"),
            ],
        ),
        ("status", ["--config", "--json"]),
        ("archive", ["--config", "--json", "--dir", "--table", "--verify", "--watch"]),
        ("analyze", ["--config", "--from", "--to", "--zone", "--every", "--group", "QUESTION"]),
        ("report", ["--config", "--out", "--from", "--to", "--zone", "--tariff"]),
    ],
)
def test_help_names_every_option_and_ends_with_0(
    command: str, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert [option for option in options if option not in text] == []


def test_help_of_the_program_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    named = [line.split()[0] for line in text.splitlines() if line[:2] == "  "]
    assert [name for name in COMMANDS if name not in named] == []


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"ingestion-service {__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_of_the_help_can_be_copied(name: str) -> None:
    command = command_named(name)
    assert command.examples
    for words in command.examples:
        command.parser().parse_args(shlex.split(words))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_with_a_value_tells_its_default(name: str) -> None:
    for action in command_named(name).parser()._actions:
        assert action.help
        if action.option_strings and action.nargs is None and not action.required:
            told = action.help % {**vars(action), "choices": ""}
            assert "(default: " in told, (action.option_strings, told)


def test_program_and_its_commands_import_nothing_that_the_server_does_without() -> None:
    """What the program imports at its start, each worker holds as long as it lives."""
    heavy = "{'duckdb', 'pyarrow', 'polars', 'pandas', 'matplotlib'} & set(sys.modules)"
    rooms = "{m for m in sys.modules if m.startswith(('utility_ts_analytics.files', 'asyncio'))}"
    code = (
        "import sys\n"
        "from utility_ts_analytics.cli.main import COMMANDS, command_named\n"
        f"assert not {rooms}, {rooms}\n"
        "for name in COMMANDS: command_named(name)\n"
        f"assert not {heavy}, {heavy}\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["unknown"],
        ["serve", "surplus"],
        ["serve", "--json"],
        ["serve", "--no-such-option"],
        ["check", "--config"],
        ["schema"],
        ["schema", "drop"],
        ["load", "--into", "meter_usage"],
        ["load", "a.csv"],
        ["load", "a.csv", "--into", "s", "--format", "xlsx"],
        ["load", "a.zip", "--into", "s", "--format", "zip"],
        ["load", "a.csv", "--into", "s", "--on-conflict", "first"],
        ["load", "a.csv", "--into", "s", "--max-refused", "-1"],
        ["load", "a.csv", "--into", "s", "--max-refused", "many"],
        ["feeder-balance", "--from", "today", "--to", "today", "--feeder", "F1", "F2"],
        ["--json", "check"],
        ["--", "check"],
        ["status", "--once"],
    ],
)
def test_usage_error_ends_with_2_and_shows_the_usage(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    usage, problem, example = capsys.readouterr().err.splitlines()
    assert usage.startswith("usage: ingestion-service")
    assert problem.startswith("ingestion-service")
    assert example.startswith("example: ingestion-service")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["serve"], {}),
        (["serve", "--config", "c"], {"config": Path("c")}),
        (["dev"], {"data_dir": Path(".questdb"), "once": False, "kafka": False}),
        (
            ["dev", "--once", "--data-dir", "d", "--kafka"],
            {"data_dir": Path("d"), "once": True, "kafka": True},
        ),
        (["check"], {"json": False}),
        (["check", "--json"], {"json": True}),
        (["schema", "apply"], {"action": "apply", "views": False, "zone": None, "json": False}),
        (["schema", "show"], {"action": "show", "views": False, "zone": None, "json": False}),
        (
            ["schema", "--views", "apply", "--zone", "Asia/Kolkata"],
            {"action": "apply", "views": True, "zone": "Asia/Kolkata", "json": False},
        ),
        (["status", "--json"], {"json": True}),
    ],
)
@pytest.mark.parametrize("code", [0, 1, 3])
def test_command_gets_its_arguments_and_its_exit_code_is_returned(
    replace: Replace, arguments: list[str], expected: dict[str, object], code: int
) -> None:
    calls: list[dict[str, object]] = []

    def run(options: argparse.Namespace) -> int:
        calls.append(vars(options))
        return code

    replace(arguments[0], run)
    assert main(arguments) == code
    assert calls == [{"config": None, **expected}]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["a", "-", "--into", "meter_usage"], LoadOptions([Path("a"), Path("-")], "meter_usage")),
        (
            [
                *("a", "--into", "meter_usage", "--mapping", "m", "--format", "nem12"),
                *("--dry-run", "--refused", "r", "--journal", "j", "--restart", "--json"),
                *("--max-refused", "0", "--on-conflict", "last"),
            ],
            LoadOptions(
                [Path("a")],
                "meter_usage",
                mapping=Path("m"),
                kind="nem12",
                refused=Path("r"),
                refused_max=0,
                last_wins=True,
                journal=Path("j"),
                restart=True,
                dry_run=True,
                as_json=True,
            ),
        ),
    ],
)
def test_every_option_reaches_the_load(words: list[str], expected: LoadOptions) -> None:
    assert load_options(command_named("load").parser().parse_args(words)) == expected


@pytest.mark.parametrize(
    ("arguments", "problems"),
    [
        (["schema", "show", "--json"], ["--json: schema show prints SQL"]),
        (["schema", "show", "--zone", "UTC"], ["--zone: is for daily views"]),
        (["schema", "apply", "--zone", "Europe/Berlin"], ["--zone: is for daily views"]),
        (["schema", "show", "--zone", "UTC", "--json"], ["--zone: ", "--json: "]),
        (["load", "a", "--into", "s", "--config", "gone"], ["--into: must be one of", "gone: "]),
    ],
)
def test_options_that_do_not_fit_are_refused_together(
    arguments: list[str], problems: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == len(problems)
    for line, problem in zip(lines, problems, strict=True):
        assert problem in line


def test_config_error_lists_every_problem_on_a_line_and_ends_with_2(
    replace: Replace, capsys: pytest.CaptureFixture[str]
) -> None:
    replace("serve", raising(ConfigError(["a.b: bad", "c: worse"])))
    assert main(["serve"]) == 2
    printed = capsys.readouterr()
    assert printed.err.splitlines() == [
        "ingestion-service: a.b: bad",
        "ingestion-service: c: worse",
    ]
    assert printed.out == ""


def test_every_problem_of_a_real_config_is_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[meter_usage.source]\nworkers = -1\n[questdb]\nurl = ""\n[surplus]\n')
    assert main(["check", "--config", str(config)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    for path in ("meter_usage.source.workers", "questdb.url", "surplus"):
        assert any(path in line for line in lines)


@pytest.mark.parametrize("kind", [OperatorError, QuestDBUnavailable])
def test_operator_error_is_one_line_and_ends_with_1(
    kind: type[OperatorError], replace: Replace, capsys: pytest.CaptureFixture[str]
) -> None:
    replace("check", raising(kind("cannot do it: no")))
    assert main(["check"]) == 1
    printed = capsys.readouterr()
    assert (printed.err, printed.out) == ("ingestion-service: cannot do it: no\n", "")


def test_interruption_is_one_line_and_ends_with_1(
    replace: Replace, capsys: pytest.CaptureFixture[str]
) -> None:
    replace("load", raising(KeyboardInterrupt()))
    assert main(["load", "a", "--into", "s"]) == 1
    assert capsys.readouterr().err == "ingestion-service: interrupted\n"


def test_our_own_fault_is_not_hidden(replace: Replace) -> None:
    replace("check", raising(AssertionError("broken")))
    with pytest.raises(AssertionError, match="broken"):
        main(["check"])


def test_arguments_default_to_those_of_the_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["ingestion-service", "schema", "show"])
    assert main() == 0
    assert "CREATE TABLE" in capsys.readouterr().out
