"""`ingestion-service schema`: the tables and views in QuestDB."""

import argparse
import asyncio
import os

from utility_ts_analytics.cli.command import Command
from utility_ts_analytics.cli.options import add_zone
from utility_ts_analytics.cli.terminal import print_checks
from utility_ts_analytics.config import Config, load_config
from utility_ts_analytics.database.schema import apply_schema, specs_for
from utility_ts_analytics.database.table_spec import schema_text
from utility_ts_analytics.database.view_spec import views_text
from utility_ts_analytics.database.views import apply_views
from utility_ts_analytics.errors import EXIT_FAILED, EXIT_OK, ConfigError, QuestDBUnavailable
from utility_ts_analytics.service.monitoring.checks import CheckLine
from utility_ts_analytics.service.monitoring.stores_watch import named


def _add_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "action",
        choices=("apply", "show"),
        metavar="apply|show",
        help="apply: create what is missing; show: print the SQL, without a connection to QuestDB,"
        " with the table names of --config if it is given",
    )
    command.add_argument(
        "--views",
        action="store_true",
        help="include the materialized views of sql/views (default: tables only)",
    )
    add_zone(
        command,
        default="UTC",
        purpose="time zone that defines the days of daily views, with --views only",
    )


def _run(options: argparse.Namespace) -> int:
    problems = []
    if options.zone is not None and not options.views:
        problems.append("--zone: is for daily views; give --views too")
    if options.action == "show" and options.json:
        problems.append("--json: schema show prints SQL; leave --json out, or use schema apply")
    if problems:
        raise ConfigError(problems)
    zone = (options.zone or "UTC") if options.views else None
    return _show(options, zone) if options.action == "show" else _apply(options, zone)


def _apply(options: argparse.Namespace, views_zone: str | None) -> int:
    config = load_config(options.config, os.environ)
    lines = []
    for shard, one in config.databases.items():
        try:
            found = asyncio.run(_applied(one, views_zone))
        except QuestDBUnavailable as error:
            if not shard:
                raise
            found = [CheckLine(str(error), ok=False)]  # the others are still done
        lines += [CheckLine(named(shard, line.text), ok=line.ok) for line in found]
    return print_checks(lines, as_json=options.json)


async def _applied(config: Config, views_zone: str | None) -> list[CheckLine]:
    """Create what is missing in one QuestDB."""
    uri = config.questdb.pgwire_uri
    differences = await apply_schema(uri, specs_for(config.stream_tables))
    lines = [CheckLine(str(difference), ok=not difference.is_error) for difference in differences]
    if not lines:
        lines = [CheckLine("every table is there as sql/schema says", ok=True)]
    if views_zone is not None:
        table = config.streams["meter_usage"].table
        views = await apply_views(uri, meter_table=table, zone=views_zone)
        lines += [CheckLine(view.text, ok=view.ok) for view in views]
    return lines


def _show(options: argparse.Namespace, views_zone: str | None) -> int:
    """Print the SQL, with the table names of `--config` if it is given."""
    config = Config() if options.config is None else load_config(options.config, os.environ)
    tables = config.stream_tables
    specs_for(tables)
    print(schema_text(tables), end="")
    if views_zone is not None:
        print(f"\n{views_text(meter_table=tables['meter_usage'], zone=views_zone)}", end="")
    return EXIT_OK


COMMAND = Command(
    name="schema",
    description="Create the tables of sql/schema in QuestDB, or print their SQL. It can be run"
    " again at any time: it creates missing tables, reports tables that differ from sql/schema, and"
    " never drops or alters anything.",
    examples={
        "apply": "create missing tables",
        "apply --views --zone Europe/Berlin": "and the materialized views",
        "show --views": "print the SQL",
    },
    exit_codes={
        EXIT_OK: "every table and view is as it should be",
        EXIT_FAILED: "a table or view differs, or QuestDB is not available",
    },
    add_options=_add_options,
    has_json=True,
    run=_run,
)
