#!/usr/bin/env python3
"""Makes docs/CLI.md out of the parsers of `ingestion-service`; a test holds them equal.

.venv/bin/python scripts/make_cli_reference.py            writes the file
.venv/bin/python scripts/make_cli_reference.py --stdout   prints it
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

from utility_ts_analytics.cli.command import PROGRAM, Command
from utility_ts_analytics.cli.main import COMMANDS, command_named

PAGE = Path(__file__).resolve().parents[1] / "docs" / "CLI.md"

_HEAD = f"""\
# Command line: `{PROGRAM}`

After this page you know every command of `{PROGRAM}`, its options, defaults and exit codes.
`{PROGRAM} COMMAND --help` prints the same. `scripts/make_cli_reference.py` makes this page of the
help texts in `cli/`; a test holds them equal.

- `{PROGRAM} --version` prints the version, `{PROGRAM} --help` the commands.
- A repeatable option is given once for each value: `--feeder F1 --feeder F2`.
- Exit code 2 means wrong options or configuration, with every command; all problems are printed at
  once, and nothing was done.
- Every command reads a configuration but `dev` and `schema show` without `--config`, and `analyze`
  that lists or shows questions.

| command | does |
|---|---|
"""


def reference_page() -> str:
    """Return the page as Markdown."""
    rows = [f"| [`{name}`](#{name}) | {text} |\n" for name, text in COMMANDS.items()]
    return _HEAD + "".join(rows) + "".join(map(_section, COMMANDS))


def _section(name: str) -> str:
    command = command_named(name)
    parser = command.parser()
    usage = str(parser.usage)
    return "\n".join(
        [
            f"\n## `{name}`\n",
            f"{command.description}\n",
            f"```text\n{usage}\n```\n",
            *_options(parser),
            *_exit_codes(command),
            "```bash",
            *command.example_lines(),
            "```\n",
        ]
    )


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield "| option | meaning |"
    yield "|---|---|"
    for action in parser._actions:
        if "--help" in action.option_strings:
            continue
        names = ", ".join(action.option_strings)
        value = "" if action.nargs == 0 else str(action.metavar)
        meaning = str(action.help) % {**vars(action), "choices": _listed(action)}
        name = f"{names} {value}".strip().replace("|", "\\|")
        yield f"| `{name}` | {meaning.replace('|', chr(92) + '|')} |"
    yield ""


def _listed(action: argparse.Action) -> str:
    return ", ".join(map(str, action.choices or ()))


def _exit_codes(command: Command) -> Iterator[str]:
    yield "| exit code | meaning |"
    yield "|---|---|"
    for code, meaning in command.exit_codes.items():
        yield f"| {code} | {meaning} |"
    yield ""


def main() -> None:
    """Write or print the page."""
    parser = argparse.ArgumentParser(description="Make docs/CLI.md.")
    parser.add_argument("--stdout", action="store_true", help="print it instead")
    if parser.parse_args().stdout:
        print(reference_page(), end="")
    else:
        PAGE.write_text(reference_page())


if __name__ == "__main__":
    main()
