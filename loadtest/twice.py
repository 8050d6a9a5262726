"""`python -m loadtest twice`: posts readings several times and compares every stored value."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtest.books import Books, balance
from loadtest.client import Target, post_bodies
from loadtest.command_line import add_counts, command_parser
from loadtest.database import QuestDBRest, own_questdb
from loadtest.ledger import KEPT_MAX, Ledger, fault_of
from loadtest.readings import Body
from loadtest.service import ServiceSettings, running_service
from loadtest.stored import COUNT_SQL, TABLE

_CHUNK_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Settings:
    """See the help texts of the command."""

    rows: int = 1_000_000
    connections: int = 4
    times: int = 2
    body_rows: int = 50_000


def post_passes(
    path: Path, port: int, database: QuestDBRest, settings: Settings
) -> tuple[Ledger, list[str]]:
    """Write readings to a file, post it `settings.times` times; wait until all of it is applied.

    Prints the speed of each pass.

    Returns:
        The accounts of the bodies, and each answer that was not the right one.
    """
    ledger, accounts, faults = Ledger(), {}, []
    with path.open("wb") as lines:
        for first in range(0, settings.rows, settings.body_rows):
            account = ledger.open(min(settings.body_rows, settings.rows - first))
            offset = lines.tell()
            size = lines.write(account.body(1))
            accounts[Body(offset, size, account.rows)] = account
    size, rows = path.stat().st_size, settings.rows
    for number in range(1, settings.times + 1):
        for account in ledger.accounts:
            account.begin(1)
        target = Target(port, chunk_bytes=_CHUNK_BYTES)
        run = post_bodies(path, accounts, target, connections=settings.connections)
        database.wait_applied(TABLE)
        visible_s = time.monotonic() - run.started_s
        print(
            f"pass {number}: {rows} rows, {size / 2**20:.0f} MiB in {len(accounts)} bodies;"
            f" acknowledged {rows / run.elapsed_s:,.0f} rows/s,"
            f" {size / run.elapsed_s / 2**20:.0f} MiB/s; visible {rows / visible_s:,.0f} rows/s"
        )
        for answer in run.answers:
            ledger.answer(accounts[answer.body], answer)
        faults += [f"pass {number}, {fault}" for fault in map(fault_of, run.answers) if fault]
    return ledger, faults


def report(books: Books, faults: Sequence[str], *, table_rows: int) -> int:
    """Print the result and return the exit code."""
    for fault in faults[:KEPT_MAX]:
        print(f"wrong answer: {fault}")
    for finding in books.findings:
        print(f"difference: {finding}")
    print(
        f"acknowledged {books.acknowledged} rows; stored {books.stored} rows of {table_rows}:"
        f" {books.lost} lost, {books.doubled} doubled, {books.wrong} wrong,"
        f" {books.unsent} not sent; {len(faults)} wrong answers"
    )
    passed = books.balanced and not faults and books.acknowledged == books.stored == table_rows
    print("every reading is stored once, every value as sent" if passed else "FAILED")
    return 0 if passed else 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the proof and return its exit code."""
    settings = _parse(arguments)
    with own_questdb("twice-") as place:
        lines = place.directory / "readings.ndjson"
        with running_service(place.directory, place.running, ServiceSettings()) as service:
            ledger, faults = post_passes(lines, service.meter_usage_port, place.rest, settings)
            books = balance(Books(), ledger.accounts, place.rest)
            stored = place.rest.count(COUNT_SQL)
    return report(books, faults, table_rows=stored)


def _parse(arguments: Sequence[str] | None) -> Settings:
    default = Settings()
    parser = command_parser(
        "twice",
        "Post readings several times over and compare every value of every stored row with what"
        " was posted. Starts a QuestDB and a service. Exit code 0: each reading is stored once, as"
        " sent; 1: it is not, the first differences are printed.",
        example="--rows 100000",
    )
    counts = {
        "rows": (default.rows, "readings of one pass"),
        "connections": (default.connections, "connections at the same time"),
        "times": (default.times, "passes over the same readings"),
        "body-rows": (default.body_rows, "readings of one request"),
    }
    return Settings(**vars(add_counts(parser, counts).parse_args(arguments)))
