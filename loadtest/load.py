"""`python -m loadtest load`: rows per second of `ingestion-service load`, HTTP and QuestDB alone.

All sides take turns in one run: `load` of the same readings as NDJSON, CSV and Parquet, named as
the stream's fields, or foreign and read by a mapping (`-sql`; `wide-sql` is one record a day with
96 columns), the HTTP path, and ILP straight to QuestDB. Each turn starts from an empty table and
lasts until every row is visible. The time of a load is that of the whole command, the start of its
interpreter included.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import duckdb
import pyarrow.compute
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet
from loadtest.bench.turns import Side, Turns, direct_side, service_side
from loadtest.command_line import Table, add_counts, command_parser
from loadtest.database import QuestDBRest, own_questdb
from loadtest.processes import machine, timed
from loadtest.readings import produce
from loadtest.service import CONFIG_NAME, ServiceSettings, command, environment, running_service
from loadtest.stored import TABLE

KINDS = ("ndjson", "csv", "parquet", "ndjson-sql", "csv-sql", "wide-sql")
_MAPPINGS = {
    "ndjson-sql": """SELECT rec, j->>'t' AS ts, j->>'m' AS meter_id, j->>'v' AS kwh,
    j->>'p' AS premise_id, j->>'r' AS kvarh, j->>'d' AS kva_demand, j->>'q' AS quality_flag,
    j->>'s' AS source_system
FROM ndjson($path)
""",
    "csv-sql": """SELECT rec, utc('Europe/Berlin', wall(Zeit, '%d.%m.%Y %H:%M:%S')) AS ts,
    id("Zähler") AS meter_id, num(Energie, point := ',') AS kwh, txt(Ort) AS premise_id,
    num(Blind, point := ',') AS kvarh, num(Schein, point := ',') AS kva_demand,
    CASE Status WHEN 'W' THEN 'VALID' ELSE Status END AS quality_flag, Quelle AS source_system
FROM csv($path, sep := ';')
""",
    "wide-sql": """SELECT rec, utc_nth('Europe/Berlin', wall(day, '%d.%m.%Y'), n, 15) AS ts,
    id(meter) AS meter_id, num(kwh, point := ',') AS kwh
FROM (UNPIVOT (FROM csv($path, sep := ';')) ON COLUMNS('Q[0-9]+') INTO NAME q VALUE kwh),
    LATERAL (SELECT q[2:]::INT AS n)
""",
}
_HTTP_BODY_ROWS = 50_000
_HTTP_CONNECTIONS = 4


@dataclass(frozen=True, slots=True)
class Figure:
    """One turn of one side.

    Attributes:
        rows_per_s: Stored and visible, per second.
        started_rows_per_s: The same without the time of a load of ten rows, which is the start of
            the interpreter.
        cpu_us_per_row: Of the loading process, or of the service; 0 for QuestDB alone.
        peak_mib: Of the loading process; 0 where there is none.
    """

    rows_per_s: float
    started_rows_per_s: float
    cpu_us_per_row: float
    peak_mib: float = 0.0


class Loads:
    """Runs `load` as a user would."""

    def __init__(self, config: Path, database: QuestDBRest, rows: int) -> None:
        self._config = config
        self._database = database
        self._rows = rows
        self._start_s: dict[Path, float] = {}

    def run(self, path: Path) -> Figure:
        """Load a file into an empty table.

        Raises:
            RuntimeError: It failed, or not every row is visible at the end.
        """
        if path not in self._start_s:
            few = path.with_name(f"few{path.suffix}")
            self._start_s[path] = timed(self._command(few), environment()).wall_s
        self._database.truncate(TABLE)
        started_s = time.monotonic()
        taken = timed(self._command(path), environment())
        self._database.wait_applied(TABLE)
        visible_s = time.monotonic() - started_s
        visible_rows = self._database.count(f"SELECT count() FROM {TABLE}")  # noqa: S608 - constant
        if visible_rows != self._rows:
            raise RuntimeError(
                f"cannot measure the load of {path.name}: {visible_rows} of {self._rows} rows are"
                " visible"
            )
        return Figure(
            rows_per_s=self._rows / visible_s,
            started_rows_per_s=self._rows / (visible_s - self._start_s[path]),
            cpu_us_per_row=taken.cpu_s / self._rows * 1e6,
            peak_mib=taken.peak_mib,
        )

    def _command(self, path: Path) -> list[str]:
        kind = path.suffix.removeprefix(".")
        given = ("--mapping", str(path.with_name(f"{kind}.sql"))) if kind in _MAPPINGS else ()
        own = ("--into", "meter_usage", "--config", str(self._config))
        return command("load", str(path), *own, *given)


def write_kinds(lines: Path, kinds: Sequence[str]) -> Mapping[str, Path]:
    """Write the readings of an NDJSON file as files of other kinds beside it."""
    table = pyarrow.json.read_json(
        lines, read_options=pyarrow.json.ReadOptions(block_size=64 * 1024 * 1024)
    )
    paths = {kind: lines.with_suffix(f".{kind}") for kind in kinds}
    if "csv" in kinds:
        texts = [
            pyarrow.compute.strftime(column, "%Y-%m-%dT%H:%M:%SZ")
            if pyarrow.types.is_timestamp(column.type)
            else column
            for column in table.columns
        ]
        plain = pyarrow.csv.WriteOptions(quoting_style="needed")
        pyarrow.csv.write_csv(pyarrow.table(texts, table.column_names), paths["csv"], plain)
    if "parquet" in kinds:
        instants = (
            table.column("ts").cast(pyarrow.timestamp("us")).cast(pyarrow.timestamp("us", tz="UTC"))
        )
        index = table.column_names.index("ts")
        pyarrow.parquet.write_table(table.set_column(index, "ts", instants), paths["parquet"])
    for kind in _MAPPINGS.keys() & set(kinds):
        lines.with_name(f"{kind}.sql").write_text(_MAPPINGS[kind], encoding="utf-8")
        _write_foreign(lines, paths[kind], kind)
    return paths


def _write_foreign(lines: Path, path: Path, kind: str) -> None:
    """Write the readings as a portal or a meter data collector would."""
    readings = f"""SELECT *, timezone('Europe/Berlin', ts::TIMESTAMPTZ) AS local
        FROM read_json('{lines}', columns = {{ts: 'VARCHAR', meter_id: 'VARCHAR',
        premise_id: 'VARCHAR', kwh: 'VARCHAR', kvarh: 'VARCHAR', kva_demand: 'VARCHAR',
        quality_flag: 'VARCHAR', source_system: 'VARCHAR'}})"""  # noqa: S608 - our own path
    match kind:
        case "ndjson-sql":
            select = """SELECT ts AS t, meter_id AS m, kwh::DOUBLE AS v, premise_id AS p,
                kvarh::DOUBLE AS r, kva_demand::DOUBLE AS d, quality_flag AS q,
                source_system AS s FROM readings"""
            options = "FORMAT json"
        case "csv-sql":
            select = """SELECT strftime(local, '%d.%m.%Y %H:%M:%S') AS Zeit,
                meter_id AS "Zähler", replace(kwh, '.', ',') AS Energie, premise_id AS Ort,
                replace(kvarh, '.', ',') AS Blind, replace(kva_demand, '.', ',') AS Schein,
                quality_flag AS Status, source_system AS Quelle FROM readings"""
            options = "FORMAT csv, DELIMITER ';', HEADER"
        case _:
            quarters = ", ".join(
                f"max(replace(kwh, '.', ',')) FILTER (n = {n}) AS Q{n:02}" for n in range(1, 97)
            )
            select = f"""SELECT meter_id AS meter, strftime(local, '%d.%m.%Y') AS day, {quarters}
                FROM (SELECT *, hour(local) * 4 + minute(local) // 15 + 1 AS n FROM readings)
                GROUP BY 1, 2 ORDER BY min(local), 1"""  # noqa: S608 - constants
            options = "FORMAT csv, DELIMITER ';', HEADER"
    with duckdb.connect() as connection:
        connection.execute(f"COPY (WITH readings AS ({readings}) {select}) TO '{path}' ({options})")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 0 unless a turn could not be measured."""
    options = _parse(arguments)
    kinds = options.kinds.split(",")
    print(machine())
    with own_questdb("load-speed-") as own:
        lines, few = own.directory / "readings.ndjson", own.directory / "few.ndjson"
        produce(lines, options.rows)
        produce(few, 10)
        paths = write_kinds(lines, kinds)
        write_kinds(few, kinds)
        with running_service(own.directory, own.running, ServiceSettings()) as service:
            turns = Turns(own.rest, database_pid=own.running.pid, service_pid=service.pid)
            http = service_side(lines, _HTTP_BODY_ROWS, service, _HTTP_CONNECTIONS)
            direct = direct_side(lines, own)
            loads = Loads(own.directory / CONFIG_NAME, own.rest, options.rows)
            sides: dict[str, Callable[[], Figure]] = {
                "http": lambda: _posted(turns, http),
                "direct": lambda: _posted(turns, direct),
                **{f"load {kind}": partial(loads.run, path) for kind, path in paths.items()},
            }
            _print(_take_turns(sides, rounds=options.rounds, warm_up=options.warm_up))
    return 0


def _posted(turns: Turns, side: Side) -> Figure:
    turn = turns.run_turn(side)
    cpu_us = turn.service_cpu_s / turn.rows * 1e6
    return Figure(turn.rows_per_s, turn.rows_per_s, cpu_us)


def _take_turns(
    sides: Mapping[str, Callable[[], Figure]], *, rounds: int, warm_up: int
) -> dict[str, list[Figure]]:
    """Let each side run once a round; who begins changes from round to round."""
    figures: dict[str, list[Figure]] = {name: [] for name in sides}
    names = list(sides)
    for number in range(-warm_up, rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            figure = sides[name]()
            print(f"round {number + 1}: {name}: {figure.rows_per_s:,.0f} rows/s", flush=True)
            if number >= 0:
                figures[name].append(figure)
    return figures


def _print(figures: Mapping[str, Sequence[Figure]]) -> None:
    table = Table(
        *(("side", 15), ("rows/s, median", 14), ("to http", 7), ("without start", 13)),
        *(("to http", 7), ("CPU us/row", 10), ("peak MiB", 8)),
    )
    print(table.heading())
    for name, turns in figures.items():
        whole = [turn.rows_per_s for turn in turns]
        started = [turn.started_rows_per_s for turn in turns]
        http = [turn.rows_per_s for turn in figures["http"]]
        cells = [name]
        for speeds in (whole, started):
            ratios = [mine / other for mine, other in zip(speeds, http, strict=True)]
            cells += [f"{statistics.median(speeds):,.0f}", f"{statistics.median(ratios):.2f}"]
        cells += [
            f"{statistics.median(turn.cpu_us_per_row for turn in turns):.2f}",
            f"{max(turn.peak_mib for turn in turns):.0f}",
        ]
        print(table.row(cells))


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = command_parser(
        "load",
        "Measure rows stored per second by ingestion-service load, over HTTP, and straight to"
        " QuestDB, in turns. Starts a QuestDB and a service.",
        example="--rows 200000 --rounds 1 --kinds csv,parquet",
    )
    add_counts(
        parser,
        {
            "rows": (2_000_000, "rows of one turn"),
            "rounds": (3, "turns of each side that count"),
            "warm-up": (2, "turns of each side before them"),
        },
    )
    parser.add_argument(
        "--kinds",
        default=",".join(KINDS),
        metavar="KINDS",
        help=f"kinds of files, separated by commas ({','.join(KINDS)})",
    )
    return parser.parse_args(arguments)
