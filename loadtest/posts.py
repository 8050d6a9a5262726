"""Small posts in a closed loop: posts per second and CPU of each, next to Granian alone.

wrk makes the load. Each post has rows of its own, so the table tells what was stored: every row of
every answer, and no more than the posts that were open at the end.
"""

import argparse
import contextlib
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtest.command_line import Table, add_beside, add_counts, add_repeated, command_parser
from loadtest.database import OwnQuestDB, own_questdb
from loadtest.processes import all_cpu_spent_s, family, wait_until
from loadtest.servers import running_asgi
from loadtest.service import PROJECT, ServiceProcess, ServiceSettings
from loadtest.stored import COUNT_SQL, TABLE

_ROWS = (1, 10, 100)
_CONNECTIONS = (8, 64)

_OPEN_POSTS_S = 0.3
"""Long against the commit of a small post."""

_REPORT = Table(
    ("way", 12),
    ("rows", 5),
    ("connections", 11),
    ("posts/s", 8),
    ("CPU, us", 8),
    ("QuestDB, us", 11),
    ("p50, ms", 8),
    ("p99, ms", 8),
)
"""Medians; CPU: of the service, and of QuestDB, per post."""

_SCRIPT = """
wrk.method, wrk.headers["content-type"] = "POST", "application/x-ndjson"
local made, floor = 0, math.floor
function request()
  local lines = {}
  for i = 1, %(rows)d do
    local second = floor(made / 1000)
    lines[i] = string.format(
      '{"ts":"2024-01-%%02dT%%02d:%%02d:%%02dZ","meter_id":"%(name)s-%%d",' ..
      '"premise_id":"p-%%04d","kwh":1.%%03d,"kvarh":0.25,"kva_demand":2.5,"quality_flag":"A",' ..
      '"source_system":"AMI"}',
      1 + floor(second / 86400) %% 28, floor(second / 3600) %% 24, floor(second / 60) %% 60,
      second %% 60, made %% 1000, made %% 1000, made %% 1000)
    made = made + 1
  end
  return wrk.format(nil, nil, nil, table.concat(lines, "\\n") .. "\\n")
end
"""
"""What wrk calls for each post; one thread, so that `made` counts all.

A turn has a thousand meters: with one for each row, their names fill QuestDB's heap within minutes,
and it suspends the table.
"""

_BARE = """
HEAD = [(b"content-type", b"application/json"), (b"content-length", b"3")]

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        for state in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{state}.complete"})
        return
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": HEAD})
    await send({"type": "http.response.body", "body": b"{}\\n"})
"""
"""Reads a body and answers: what Granian alone costs."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one run of wrk showed; CPU in microseconds per post, times in milliseconds."""

    posts_per_s: float
    cpu_us: float
    questdb_us: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Way:
    """Something that takes posts.

    Attributes:
        port: On the loopback address.
        pid: Of the process above all that it consists of.
        stores: Whether it stores rows.
    """

    port: int
    pid: int
    stores: bool


def run(
    rows: Sequence[int],
    connections: Sequence[int],
    *,
    seconds: int,
    rounds: int,
    beside: Path | None,
) -> None:
    """Measure each number of rows and connections in turns, and print a row for each way.

    Raises:
        RuntimeError: An answer was no 200, or the table has other rows than were answered.
    """
    if shutil.which("wrk") is None:
        raise RuntimeError("wrk is not installed; Debian has a package of that name")
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(own_questdb("posts-"))
        ways = {"bare Granian": stack.enter_context(_bare(database.directory))}
        projects = {"service": PROJECT} | ({} if beside is None else {"beside": beside.resolve()})
        for name, project in projects.items():
            ways[name] = stack.enter_context(_service(database, name, project))
        print(_REPORT.heading(), flush=True)
        for row_count in rows:
            for connection_count in connections:
                load = _Load(database, row_count, connection_count, seconds)
                turns = [{n: load.turn(n, way) for n, way in ways.items()} for _ in range(rounds)]
                for name in ways:
                    print(_line(name, load, [one[name] for one in turns]), flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 0 unless a post had another answer or rows are missing."""
    parser = command_parser(
        "posts",
        "Measure small posts in a closed loop: posts per second, CPU per post of the service and of"
        " QuestDB, next to a Granian application that only reads and answers. Needs wrk. Exit code"
        " 1: an answer was no 200, or the table has other rows than were answered.",
        example="--rows 1 --connections 64 --beside ../before",
    )
    add_counts(parser, {"seconds": (5, "length of a turn"), "rounds": (3, "turns of each way")})
    repeated = {
        "rows": (_ROWS, "rows of a post"),
        "connections": (_CONNECTIONS, "connections, each with one post at a time"),
    }
    add_repeated(parser, repeated)
    add_beside(parser)
    given: argparse.Namespace = parser.parse_args(arguments)
    try:
        run(
            given.rows or _ROWS,
            given.connections or _CONNECTIONS,
            seconds=given.seconds,
            rounds=given.rounds,
            beside=given.beside,
        )
    except RuntimeError as error:
        print(f"posts: {error}", file=sys.stderr)
        return 1
    return 0


class _Load:
    """One size of posts over so many connections; a turn at a time."""

    def __init__(self, database: OwnQuestDB, rows: int, connections: int, seconds: int) -> None:
        self.rows = rows
        self.connections = connections
        self._seconds = seconds
        self._database = database
        self._turns = 0

    def turn(self, name: str, way: Way) -> Turn:
        """Run wrk once and check the table."""
        rest, script = self._database.rest, self._database.directory / "posts.lua"
        self._turns += 1
        script.write_text(_SCRIPT % {"rows": self.rows, "name": f"{name[0]}{self._turns}"})
        rest.truncate(TABLE)
        before, questdb = family(way.pid), family(self._database.running.pid)
        output = _wrk(way.port, script, self.connections, self._seconds)
        cpu_s = all_cpu_spent_s(before, family(way.pid))
        questdb_s = all_cpu_spent_s(questdb, family(self._database.running.pid))
        posts = int(_found(r"(\d+) requests in", output))
        if way.stores:
            self._check(posts)
        return Turn(
            posts / self._seconds,
            cpu_s / posts * 1e6,
            questdb_s / posts * 1e6,
            *(_milliseconds(_found(rf"{share}%\s+(\S+)\s*\n", output)) for share in (50, 99)),
        )

    def _check(self, posts: int) -> None:
        """Compare the table with the answers; posts that were open at the end may be stored too."""
        least, most = posts * self.rows, (posts + self.connections) * self.rows
        stored = self._stored_at_last()
        if not least <= stored <= most:
            raise RuntimeError(f"{stored} rows are stored, and {least} to {most} were posted")

    def _stored_at_last(self) -> int:
        """Return the number of rows once the posts that wrk left open are stored too.

        The next turn empties the table. A commit beside that suspended it once.
        """
        rest, counts = self._database.rest, [-1]

        def same_again() -> bool:
            rest.wait_applied(TABLE)
            counts.append(rest.count(COUNT_SQL))
            return counts[-1] == counts[-2]

        wait_until(same_again, "open posts are stored", timeout_s=30.0, every_s=_OPEN_POSTS_S)
        return counts[-1]


@contextlib.contextmanager
def _bare(directory: Path) -> Iterator[Way]:
    application = directory / "bare.py"
    application.write_text(_BARE)
    with running_asgi(application, directory / "bare.log") as server:
        yield Way(server.port, server.pid, stores=False)


@contextlib.contextmanager
def _service(database: OwnQuestDB, name: str, project: Path) -> Iterator[Way]:
    directory = database.directory / name
    directory.mkdir()
    service = ServiceProcess(directory, database.running, ServiceSettings(), project=project)
    service.apply_schema()
    try:
        service.start()
        yield Way(service.meter_usage_port, service.pid, stores=True)
    finally:
        service.end()


def _wrk(port: int, script: Path, connections: int, seconds: int) -> str:
    done = subprocess.run(  # noqa: S603 - our own arguments
        [
            *("wrk", "--threads", "1", "--connections", str(connections)),
            *("--duration", f"{seconds}s", "--latency", "--script", str(script)),
            f"http://127.0.0.1:{port}/ingest/meter_usage/ndjson",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    wrong = re.search(r"Non-2xx.*|Socket errors.*", done.stdout)
    if wrong is not None:
        raise RuntimeError(wrong[0])
    return done.stdout


def _found(pattern: str, output: str) -> str:
    found = re.search(pattern, output)
    if found is None:
        raise RuntimeError(f"wrk says something else: {output}")
    return found[1]


def _milliseconds(text: str) -> float:
    number, unit = re.match(r"([\d.]+)(us|ms|s)", text).groups()  # type: ignore[union-attr]
    return float(number) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit]


def _line(name: str, load: _Load, turns: Sequence[Turn]) -> str:
    def median(values: Sequence[float]) -> float:
        return statistics.median(values)

    return _REPORT.row(
        [
            name,
            str(load.rows),
            str(load.connections),
            f"{median([turn.posts_per_s for turn in turns]):,.0f}",
            f"{median([turn.cpu_us for turn in turns]):,.0f}",
            f"{median([turn.questdb_us for turn in turns]):,.0f}",
            f"{median([turn.p50_ms for turn in turns]):.1f}",
            f"{median([turn.p99_ms for turn in turns]):.1f}",
        ]
    )
