"""The program `ingestion-service`: picks the command, turns errors into exit codes."""

import argparse
import importlib
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from utility_ts_analytics import __version__
from utility_ts_analytics.cli.command import PROGRAM, Command, Parser
from utility_ts_analytics.errors import EXIT_FAILED, ConfigError, OperatorError
from utility_ts_analytics.service.standard_files import prepare_standard_files, stdout_failed

COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "serve": "run the ingestion server until SIGTERM",
        "dev": "run QuestDB, schema, sample readings and server on this machine",
        "check": "check configuration, QuestDB, tables and limits",
        "schema": "create the tables and views in QuestDB, or print their SQL",
        "consume": "store readings from the log (Kafka) in QuestDB",
        "status": "show what the running service reports",
        "load": "store readings from files",
        "archive": "keep history as Parquet files",
        "analyze": "answer a question about a period",
        "feeder-balance": "compute the energy balance of feeders for a period",
        "report": "write the figures of a period as one HTML page",
    }
)
"""Every command and what it does, in the order of the help."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: Without the program's name; default is the process's own.

    Returns:
        0 ok, 1 failed at run time, 2 bad config or usage, 3 workers crash in a loop.
    """
    prepare_standard_files()
    try:
        try:
            return _run(sys.argv[1:] if arguments is None else arguments)
        finally:
            sys.stdout.flush()  # at exit it would be too late to change the exit code
    except OSError:
        if not stdout_failed():
            raise
        return EXIT_FAILED


def command_named(name: str) -> Command:
    """Return a command; imports its module and no other.

    Workers are forked from this program and keep everything that it has imported in memory.
    """
    module = importlib.import_module(f"{__package__}.{name.replace('-', '_')}")
    command: Command = module.COMMAND
    return command


def program_parser() -> Parser:
    """Return the parser of a command line without a command: help, version, or an error."""
    width = max(map(len, COMMANDS))
    commands = "\n".join(f"  {name:{width}}  {text}" for name, text in COMMANDS.items())
    parser = Parser(
        prog=PROGRAM,
        description="Take utility readings over HTTP or from files, and store each exactly once in"
        " QuestDB.",
        epilog=f"commands:\n{commands}\n\nhelp and examples of one command:\n"
        f"  {PROGRAM} load --help",
    )
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND", help=argparse.SUPPRESS)
    parser.add_argument("-h", "--help", action="help", help="print this help")
    parser.add_argument(
        "--version", action="version", version=f"{PROGRAM} {__version__}", help="print the version"
    )
    parser.usage = f"{PROGRAM} COMMAND [OPTIONS]"
    parser.example = f"{PROGRAM} dev"
    return parser


def _run(arguments: Sequence[str]) -> int:
    if not arguments or arguments[0] not in COMMANDS:
        parser = program_parser()
        parser.parse_known_args(arguments)
        parser.error("the command comes first, then its options")
    command = command_named(arguments[0])
    options = command.parser().parse_args(arguments[1:])
    try:
        return command.run(options)
    except OperatorError as error:
        problems = error.problems if isinstance(error, ConfigError) else (str(error),)
        for problem in problems:
            print(f"{PROGRAM}: {problem}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(f"{PROGRAM}: interrupted", file=sys.stderr)
        return EXIT_FAILED
