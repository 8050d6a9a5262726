"""The command `ingestion-service`: arguments in, exit code out (CONTRACT section 2)."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from utility_ts_analytics.errors import EXIT_FAILED, ConfigError, OperatorError
from utility_ts_analytics.ingest.file_kinds import FILE_KINDS
from utility_ts_analytics.service import commands
from utility_ts_analytics.service.balance_options import add_options as add_balance_options
from utility_ts_analytics.service.load_plan import LoadOptions
from utility_ts_analytics.service.report_command import add_options as add_report_options
from utility_ts_analytics.service.report_command import options_of as report_options_of
from utility_ts_analytics.service.standard_files import prepare_standard_files, stdout_failed


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
            return _command_line(arguments)
        finally:
            sys.stdout.flush()  # or it is done, and fails, when there is no exit code any more
    except OSError:
        if not stdout_failed():
            raise
        return EXIT_FAILED


def _command_line(arguments: Sequence[str] | None) -> int:
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except ConfigError as error:
        for problem in error.problems:
            print(f"ingestion-service: {problem}", file=sys.stderr)
        return error.exit_code
    except OperatorError as error:
        print(f"ingestion-service: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("ingestion-service: interrupted", file=sys.stderr)
        return 1


def _run(options: argparse.Namespace) -> int:
    config_path: Path | None = options.config
    match options.command:
        case "serve":
            return commands.serve(config_path)
        case "dev":
            return commands.dev(config_path, data_dir=options.data_dir, once=options.once)
        case "check":
            return commands.check(config_path, as_json=options.json)
        case "schema" if options.action == "apply":
            return commands.schema_apply(
                config_path, views_zone=_views_zone(options), as_json=options.json
            )
        case "schema":
            return commands.schema_show(views_zone=_views_zone(options))
        case "load":
            return commands.load(config_path, _load_options(options))
        case "feeder-balance":
            return commands.feeder_balance(config_path, options, as_json=options.json)
        case "report":
            return commands.report(config_path, report_options_of(options))
        case "status":
            return commands.status(config_path, as_json=options.json)
        case _:
            raise AssertionError(f"the parser let an unknown command through: {options.command}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ingestion-service",
        description="Takes utility readings over HTTP and stores each exactly once in QuestDB.",
    )
    commands_ = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    _command(commands_, "serve", "run the production server until SIGTERM")

    dev = _command(commands_, "dev", "run everything here: QuestDB, schema, samples, server")
    dev.add_argument(
        "--data-dir",
        type=Path,
        default=Path(".questdb"),
        metavar="DIR",
        help="where the embedded QuestDB keeps its data (default: .questdb)",
    )
    dev.add_argument("--once", action="store_true", help="stop once the samples are verified")

    check = _command(commands_, "check", "check the config, QuestDB and its tables")
    _json_option(check)

    schema = _command(commands_, "schema", "apply or show the tables' definitions")
    schema.add_argument("action", choices=["apply", "show"])
    schema.add_argument("--views", action="store_true", help="and the materialized views")
    schema.add_argument(
        "--zone",
        default="UTC",
        help="whose days the daily views have, such as Europe/Berlin (default: UTC)",
    )
    _json_option(schema)

    _load_command(commands_)

    balance = _command(
        commands_, "feeder-balance", "compute the energy balance of feeders for a period"
    )
    add_balance_options(balance)
    _json_option(balance)

    report = _command(commands_, "report", "draw the figures of a period as one HTML page")
    add_report_options(report)

    status = _command(commands_, "status", "show what the running service reports")
    _json_option(status)
    return parser


def _views_zone(options: argparse.Namespace) -> str | None:
    zone: str = options.zone
    return zone if options.views else None


def _load_command(commands_: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    load = _command(commands_, "load", "store readings from files (docs/LOADING.md)")
    load.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="file or folder; - is standard input"
    )
    load.add_argument("--into", required=True, metavar="STREAM", help="which stream they are")
    load.add_argument(
        "--mapping", type=Path, metavar="FILE", help="says what foreign columns mean (TOML)"
    )
    load.add_argument(
        "--format", choices=FILE_KINDS, help="what all of them are, whatever their names say"
    )
    load.add_argument(
        "--dry-run", action="store_true", help="check everything, store nothing, need no QuestDB"
    )
    load.add_argument(
        "--refused", type=Path, metavar="DIR", help="keep refused rows there, to be corrected"
    )
    load.add_argument(
        "--journal",
        type=Path,
        metavar="DIR",
        help="keep there how far the load has come (default: ~/.local/state/ingestion-service)",
    )
    load.add_argument(
        "--restart", action="store_true", help="begin anew, not where an earlier run ended"
    )
    _json_option(load)


def _load_options(options: argparse.Namespace) -> LoadOptions:
    return LoadOptions(
        paths=options.paths,
        stream=options.into,
        mapping=options.mapping,
        kind=options.format,
        refused=options.refused,
        journal=options.journal,
        restart=options.restart,
        dry_run=options.dry_run,
        as_json=options.json,
    )


def _command(
    commands_: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, text: str
) -> argparse.ArgumentParser:
    command = commands_.add_parser(name, help=text, description=text.capitalize() + ".")
    command.add_argument(
        "--config",
        type=Path,
        metavar="PATH",
        help="default: $INGESTION_CONFIG, else ./ingestion-config.toml",
    )
    return command


def _json_option(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print the facts as JSON")
