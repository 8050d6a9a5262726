"""The one command of the load tests: `python -m loadtest NAME [OPTION]...`."""

import argparse
import importlib
import sys
from collections.abc import Sequence

from loadtest.command_line import exit_on_sigterm

COMMANDS = {
    "bench": ("bench.command", "measure each part of the data path; compare with a baseline"),
    "end-to-end": ("bench.end_to_end", "rows stored per second, next to QuestDB alone"),
    "posts": ("posts", "posts per second and CPU of small posts, next to Granian alone"),
    "peers": ("peers.command", "the service next to plain asyncpg and Telegraf, with books"),
    "log": ("bench.log", "CPU per row through Kafka: edge, brokers, consume, two shards"),
    "outage": ("outage", "CPU per row into the spool, out of it, and by pgwire, next to ILP"),
    "load": ("load", "rows per second of loading files, next to HTTP and QuestDB alone"),
    "twice": ("twice", "post readings twice and compare every stored value"),
    "faults": ("faults.command", "break things under load and balance the books"),
    "profile": ("profiles.command", "load profiles of a day, judged by their books"),
    "memory": ("memory.command", "hold the memory of a worker to its formula"),
    "capacity": ("capacity", "the tables of docs/CAPACITY.md"),
    "analyses": ("analyses.command", "archive, questions and report on a synthetic utility"),
    "fuzz": ("fuzz.command", "coverage-guided fuzzing of all input"),
}
"""Module and help of each subcommand. Imported only when asked for: some need their own extras."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest",
        description="Load tests, benches and fault injection. Each subcommand has its own --help.",
        epilog="\n".join(
            (
                "subcommands:",
                *(f"  {name:<12}{text}" for name, (_, text) in COMMANDS.items()),
                "\nExample: python -m loadtest profile steady --seconds 30",
            )
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=list(COMMANDS), metavar="NAME", help="one of these")
    given = list(sys.argv[1:] if arguments is None else arguments)
    name = parser.parse_args(given[:1]).command
    module = importlib.import_module(f"loadtest.{COMMANDS[name][0]}")
    code: int = module.main(given[1:])
    return code


if __name__ == "__main__":
    exit_on_sigterm()
    sys.exit(main())
