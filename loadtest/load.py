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
from loadtest.bench.turns import Side, Turns, direct_side, in_turns, service_side
from loadtest.command_line import Table, add_counts, command_parser
from loadtest.database import QuestDBRest, own_questdb
from loadtest.processes import machine, timed
from loadtest.readings import produce
from loadtest.service import ServiceSettings, command, environment, running_service
from loadtest.stored import COUNT_SQL, TABLE

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


def _loaded(path: Path, few: Path, config: Path, database: QuestDBRest, rows: int) -> Figure:
    """Load a file into an empty table, as a user would.

    Raises:
        RuntimeError: It failed, or not every row is visible at the end.
    """
    start_s = timed(_command(few, config), environment()).wall_s
    database.truncate(TABLE)
    started_s = time.monotonic()
    taken = timed(_command(path, config), environment())
    database.wait_applied(TABLE)
    visible_s = time.monotonic() - started_s
    visible_rows = database.count(COUNT_SQL)
    if visible_rows != rows:
        raise RuntimeError(
            f"cannot measure the load of {path.name}: {visible_rows} of {rows} rows are visible"
        )
    return Figure(
        rows_per_s=rows / visible_s,
        started_rows_per_s=rows / max(0.001, visible_s - start_s),
        cpu_us_per_row=taken.cpu_s / rows * 1e6,
        peak_mib=taken.peak_mib,
    )


def _command(path: Path, config: Path) -> list[str]:
    mapping = path.with_suffix(".sql")
    given = ("--mapping", str(mapping)) if mapping.exists() else ()
    return command("load", str(path), "--into", "meter_usage", "--config", str(config), *given)


_READINGS = """(SELECT *, timezone('Europe/Berlin', ts::TIMESTAMPTZ) AS local
    FROM read_json('{lines}', columns = {{ts: 'VARCHAR', meter_id: 'VARCHAR', premise_id: 'VARCHAR',
        kwh: 'VARCHAR', kvarh: 'VARCHAR', kva_demand: 'VARCHAR', quality_flag: 'VARCHAR',
        source_system: 'VARCHAR'}}))"""
_QUARTERS = ", ".join(
    f"max(replace(kwh, '.', ',')) FILTER (n = {n}) AS Q{n:02}" for n in range(1, 97)
)
_SELECTS = {
    "csv": ("SELECT * EXCLUDE local FROM readings", "FORMAT csv, HEADER"),
    "parquet": (
        """SELECT ts::TIMESTAMPTZ AS ts, meter_id, premise_id, kwh::DOUBLE AS kwh,
        kvarh::DOUBLE AS kvarh, kva_demand::DOUBLE AS kva_demand, quality_flag, source_system
        FROM readings""",
        "FORMAT parquet",
    ),
    "ndjson-sql": (
        """SELECT ts AS t, meter_id AS m, kwh::DOUBLE AS v, premise_id AS p, kvarh::DOUBLE AS r,
        kva_demand::DOUBLE AS d, quality_flag AS q, source_system AS s FROM readings""",
        "FORMAT json",
    ),
    "csv-sql": (
        """SELECT strftime(local, '%d.%m.%Y %H:%M:%S') AS Zeit, meter_id AS "Zähler",
        replace(kwh, '.', ',') AS Energie, premise_id AS Ort, replace(kvarh, '.', ',') AS Blind,
        replace(kva_demand, '.', ',') AS Schein, quality_flag AS Status, source_system AS Quelle
        FROM readings""",
        "FORMAT csv, DELIMITER ';', HEADER",
    ),
    "wide-sql": (
        f"""SELECT meter_id AS meter, strftime(local, '%d.%m.%Y') AS day, {_QUARTERS}
        FROM (SELECT *, hour(local) * 4 + minute(local) // 15 + 1 AS n FROM readings)
        GROUP BY 1, 2 ORDER BY min(local), 1""",  # noqa: S608 - constants
        "FORMAT csv, DELIMITER ';', HEADER",
    ),
}


def write_kinds(lines: Path, kinds: Sequence[str]) -> dict[str, Path]:
    """Write the readings of an NDJSON file as files of other kinds in its folder.

    Files of foreign kinds are as a portal or a meter data collector writes them; their mappings
    stand beside them.
    """
    paths = {
        kind: lines.with_name(f"{lines.stem}-{kind}.{kind.partition('-')[0]}") for kind in kinds
    }
    with duckdb.connect() as connection:
        connection.execute("SET preserve_insertion_order = true; SET TimeZone = 'UTC'")
        for kind, path in paths.items():
            if kind == "ndjson":
                paths[kind] = lines
                continue
            select, options = _SELECTS[kind]
            readings = _READINGS.format(lines=lines)
            connection.execute(
                f"COPY (WITH readings AS {readings} {select}) TO '{path}' ({options})"
            )
            if kind in _MAPPINGS:
                path.with_suffix(".sql").write_text(_MAPPINGS[kind], encoding="utf-8")
    return paths


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 0 unless a turn could not be measured."""
    options = _parse(arguments)
    kinds = options.kinds.split(",")
    print(machine())
    with own_questdb("load-speed-") as own:
        lines, few = own.directory / "readings.ndjson", own.directory / "few.ndjson"
        produce(lines, options.rows)
        produce(few, 10)
        paths, few_paths = write_kinds(lines, kinds), write_kinds(few, kinds)
        with running_service(own.directory, own.running, ServiceSettings()) as service:
            turns = Turns(own.rest, database_pid=own.running.pid, service_pid=service.pid)
            http = service_side(lines, _HTTP_BODY_ROWS, service, _HTTP_CONNECTIONS)
            direct = direct_side(lines, own)
            sides: dict[str, Callable[[], Figure]] = {
                "http": lambda: _posted(turns, http),
                "direct": lambda: _posted(turns, direct),
            }
            for kind in kinds:
                sides[f"load {kind}"] = partial(
                    _loaded, paths[kind], few_paths[kind], service.config, own.rest, options.rows
                )
            figures: dict[str, list[Figure]] = {name: [] for name in sides}
            rounds = in_turns(sides, rounds=options.rounds, warm_up=options.warm_up)
            for number, taken in rounds:
                for name, figure in taken.items():
                    print(
                        f"round {number + 1}: {name}: {figure.rows_per_s:,.0f} rows/s", flush=True
                    )
                    figures[name] += [figure] if number >= 0 else []
            _print(figures)
    return 0


def _posted(turns: Turns, side: Side) -> Figure:
    turn = turns.run_turn(side)
    cpu_us = turn.service_cpu_s / turn.rows * 1e6
    return Figure(turn.rows_per_s, turn.rows_per_s, cpu_us)


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
