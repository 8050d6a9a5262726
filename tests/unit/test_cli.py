"""Arguments in, exit code out: help, usage errors, and what each kind of trouble prints."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from utility_ts_analytics.cli import main
from utility_ts_analytics.errors import ConfigError, OperatorError, QuestDBUnavailable
from utility_ts_analytics.service import commands
from utility_ts_analytics.service.load_plan import LoadOptions

Call = tuple[tuple[object, ...], dict[str, object]]


def recorded(calls: list[Call], code: int) -> Callable[..., int]:
    """Return a command that notes its arguments and ends with `code`."""

    def command(*arguments: object, **options: object) -> int:
        calls.append((arguments, options))
        return code

    return command


def raising(error: BaseException) -> Callable[..., int]:
    def command(*_: object, **__: object) -> int:
        raise error

    return command


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("serve", ["--config"]),
        ("dev", ["--config", "--data-dir", "--once"]),
        ("check", ["--config", "--json"]),
        ("schema", ["--config", "--json", "--views", "--zone", "apply", "show"]),
        ("feeder-balance", ["--config", "--json", "--from", "--to", "--interval", "--dry-run"]),
        (
            "load",
            [
                *("--config", "--json", "--into", "PATH", "--mapping", "--format", "--dry-run"),
                *("--refused", "--journal", "--restart"),
            ],
        ),
        ("status", ["--config", "--json"]),
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
    for command in ("serve", "dev", "check", "schema", "load", "feeder-balance", "status"):
        assert command in {line.split()[0] for line in text.splitlines() if line[:4] == " " * 4}


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["unknown"],
        ["serve", "surplus"],
        ["serve", "--json"],
        ["check", "--config"],
        ["schema"],
        ["schema", "drop"],
        ["load", "--into", "meter_usage"],
        ["load", "a.csv"],
        ["load", "a.csv", "--into", "s", "--format", "xlsx"],
        ["status", "--once"],
    ],
)
def test_usage_error_ends_with_2_and_shows_the_usage(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: ingestion-service" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "function", "expected"),
    [
        (["serve"], "serve", ((None,), {})),
        (["serve", "--config", "c"], "serve", ((Path("c"),), {})),
        (["dev"], "dev", ((None,), {"data_dir": Path(".questdb"), "once": False})),
        (
            ["dev", "--once", "--data-dir", "d"],
            "dev",
            ((None,), {"data_dir": Path("d"), "once": True}),
        ),
        (["check"], "check", ((None,), {"as_json": False})),
        (["check", "--json"], "check", ((None,), {"as_json": True})),
        (["schema", "apply"], "schema_apply", ((None,), {"views_zone": None, "as_json": False})),
        (["schema", "show"], "schema_show", ((), {"views_zone": None})),
        (["schema", "show", "--views"], "schema_show", ((), {"views_zone": "UTC"})),
        (
            ["schema", "apply", "--views", "--zone", "Asia/Kolkata"],
            "schema_apply",
            ((None,), {"views_zone": "Asia/Kolkata", "as_json": False}),
        ),
        (
            ["load", "a", "-", "--into", "s"],
            "load",
            ((None, LoadOptions([Path("a"), Path("-")], "s")), {}),
        ),
        (
            [
                *("load", "a", "--into", "s", "--mapping", "m", "--format", "nem12", "--dry-run"),
                *("--refused", "r", "--journal", "j", "--restart", "--json"),
            ],
            "load",
            (
                (
                    None,
                    LoadOptions(
                        [Path("a")],
                        "s",
                        mapping=Path("m"),
                        kind="nem12",
                        refused=Path("r"),
                        journal=Path("j"),
                        restart=True,
                        dry_run=True,
                        as_json=True,
                    ),
                ),
                {},
            ),
        ),
        (["status", "--json"], "status", ((None,), {"as_json": True})),
    ],
)
@pytest.mark.parametrize("code", [0, 1, 3])
def test_command_gets_its_arguments_and_its_exit_code_is_returned(
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    function: str,
    expected: Call,
    code: int,
) -> None:
    calls: list[Call] = []
    monkeypatch.setattr(commands, function, recorded(calls, code))
    assert main(arguments) == code
    assert calls == [expected]


def test_config_error_lists_every_problem_on_a_line_and_ends_with_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(commands, "serve", raising(ConfigError(["a.b: bad", "c: worse"])))
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
    kind: type[OperatorError], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(commands, "check", raising(kind("cannot do it: no")))
    assert main(["check"]) == 1
    printed = capsys.readouterr()
    assert (printed.err, printed.out) == ("ingestion-service: cannot do it: no\n", "")


def test_interruption_is_one_line_and_ends_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(commands, "load", raising(KeyboardInterrupt()))
    assert main(["load", "a", "--into", "s"]) == 1
    assert capsys.readouterr().err == "ingestion-service: interrupted\n"


def test_our_own_fault_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "check", raising(AssertionError("broken")))
    with pytest.raises(AssertionError, match="broken"):
        main(["check"])


def test_arguments_default_to_those_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Call] = []
    monkeypatch.setattr(commands, "schema_show", recorded(calls, 0))
    monkeypatch.setattr(sys, "argv", ["ingestion-service", "schema", "show"])
    assert main() == 0
    assert len(calls) == 1
