"""What a command of `ingestion-service` declares, and the parser that is made of it.

`argparse` lays the help out; here are only the short usage line, the examples and the exit codes.
"""

import argparse
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from utility_ts_analytics.errors import OperatorError

PROGRAM = "ingestion-service"

_CONFIG_DEFAULT = "$INGESTION_CONFIG, else ./ingestion-config.toml"
_CONFIG_CODE = {2: "wrong options or configuration; every problem is listed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command.

    Attributes:
        name: As it is typed.
        description: What it does, in full sentences.
        examples: What to copy, without the program's name, and what that does.
        exit_codes: The meaning of each code but 2, which is the same everywhere.
        run: Does the work; returns the exit code.
        add_options: Declares the command's own options and arguments.
        has_json: Whether it prints facts, and takes `--json`.
        config_default: Where `--config` points if it is left out.
    """

    name: str
    description: str
    examples: Mapping[str, str]
    exit_codes: Mapping[int, str]
    run: Callable[[argparse.Namespace], int]
    add_options: Callable[[argparse.ArgumentParser], None] = lambda _: None
    has_json: bool = False
    config_default: str = _CONFIG_DEFAULT

    @property
    def all_exit_codes(self) -> Mapping[int, str]:
        """The meaning of each exit code, in order."""
        return dict(sorted({**self.exit_codes, **_CONFIG_CODE}.items()))

    def parser(self) -> "Parser":
        """Return the parser of what follows the command's name."""
        parser = Parser(
            prog=f"{PROGRAM} {self.name}", description=self.description, epilog=self._epilog()
        )
        self.add_options(parser)
        group = parser.add_argument_group("general options")
        group.add_argument(
            "--config",
            type=Path,
            metavar="PATH",
            help=f"configuration file (default: {self.config_default})",
        )
        if self.has_json:
            group.add_argument("--json", action="store_true", help="print the facts as JSON")
        group.add_argument("-h", "--help", action="help", help="print this help")
        parser.usage = " ".join([parser.prog, "[OPTIONS]", *_required(parser)])
        parser.example = f"{PROGRAM} {self.name} {next(iter(self.examples))}".rstrip()
        return parser

    def example_lines(self) -> Iterator[str]:
        """Yield command lines to copy, each with a comment."""
        width = max(map(len, self.examples))
        for words, meaning in self.examples.items():
            yield f"{PROGRAM} {self.name} {words:{width}}  # {meaning}"

    def _epilog(self) -> str:
        codes = "\n".join(f"  {code}  {text}" for code, text in self.all_exit_codes.items())
        examples = "\n".join(f"  {line}" for line in self.example_lines())
        return f"exit codes:\n{codes}\n\nexamples:\n{examples}"


class _Layout(argparse.HelpFormatter):
    """Wraps texts, but neither lists of several lines nor at the hyphens of names."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if "\n" in text else indent + "\n".join(self._split_lines(text, width))

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(text, width, break_on_hyphens=False)


class Parser(argparse.ArgumentParser):
    """A parser whose usage errors end with an example.

    Attributes:
        example: A command line to copy.
    """

    def __init__(self, *, prog: str, description: str, epilog: str) -> None:
        super().__init__(
            prog=prog,
            description=description,
            epilog=epilog,
            formatter_class=_Layout,
            add_help=False,
        )
        self._positionals.title = "arguments"
        self.example = ""

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and an example; exit with 2."""
        self.print_usage(sys.stderr)
        self.exit(2, f"{self.prog}: {message}\nexample: {self.example}\n")


@contextmanager
def extra_needed(purpose: str, extra: str = "analysis") -> Iterator[None]:
    """Import modules that need an extra inside.

    Args:
        purpose: What cannot be done without it, for the message.
        extra: Its name.

    Raises:
        OperatorError: A package is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("utility_ts_analytics"):
            raise
        raise OperatorError(
            f"cannot {purpose}: {error.name} is not installed; run pip install"
            f" 'utility-ts-analytics[{extra}]'"
        ) from error


def _required(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Yield the options and arguments that cannot be left out, and arguments that can in [ ]."""
    for action in parser._actions:  # argparse has no other list of them
        name = str(action.metavar)
        if action.option_strings and action.required:
            yield f"{action.option_strings[0]} {name}"
        elif not action.option_strings:
            yield {"+": f"{name}...", "?": f"[{name}]"}.get(str(action.nargs), name)
