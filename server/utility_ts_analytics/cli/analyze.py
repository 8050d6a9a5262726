"""`ingestion-service analyze`: one question about a period, answered from archive and QuestDB."""

import argparse
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from utility_ts_analytics.cli.command import Command, extra_needed
from utility_ts_analytics.cli.options import (
    OptionReader,
    Period,
    add_archive_dir,
    add_heads,
    add_period,
    add_repeated,
    add_tariff,
    add_zone,
    config_and,
    parse_every,
    parse_minutes,
)
from utility_ts_analytics.cli.terminal import written_whole
from utility_ts_analytics.errors import EXIT_FAILED, EXIT_OK, ConfigError

if TYPE_CHECKING:
    import pyarrow as pa

    from utility_ts_analytics.analysis.catalogue import Question
    from utility_ts_analytics.analysis.sources import Origin

FORMATS: Final = ("table", "csv", "json", "parquet")

_NAME = re.compile(r"[a-z][a-z_]*", re.ASCII)
_MEMORY_MIB: Final = 2048
_WIDTH: Final = 160  # columns of a table that is not printed to a terminal


@dataclass(frozen=True, slots=True)
class AnalyzeRequest:
    """The values of the options, if a question has to be answered.

    Attributes:
        period: With a time range.
        heads: Head nodes by feeder.
        ratings: kVA by feeder, above 0.
        parameters: Of the question, by name.
        format: One of `FORMATS`.
        memory_mib: What DuckDB may use, MiB.
    """

    period: Period
    heads: Mapping[str, Sequence[str]]
    ratings: Mapping[str, float]
    parameters: Mapping[str, str | int]
    format: str
    memory_mib: int


def _add_options(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add(
        "question",
        nargs="?",
        default="",
        metavar="QUESTION",
        help="name of a question, or a file of your own that ends in .sql (default: list the"
        " questions)",
    )
    add("--show", action="store_true", help="print the question's meaning, parameters and SQL")
    add_period(command, default="none, but an answer needs it")
    add_zone(
        command, default="the tariff's, else UTC", purpose="time zone of local days and of --from"
    )
    add(
        "--every",
        metavar="LENGTH",
        help="length of a bucket of the answer: 15m, 1h, 1d, 1w, 1M, 1y (default: the question's)",
    )
    add(
        "--group",
        metavar="NAME",
        help="what to sum over: system, feeder, segment, tariff or meter (default: the question's)",
    )
    add("--interval", metavar="LENGTH", help="interval of the readings, in minutes (default: 15m)")
    add_repeated(command, "--meter", "METER", "use the readings of this meter only", "all meters")
    add_tariff(command, default="none; some questions need one")
    add_heads(command)
    add_repeated(
        command, "--rating", "FEEDER=KVA", "rated apparent power of a feeder, in kVA", "none"
    )
    add_repeated(
        command, "--set", "NAME=VALUE", "any other parameter of the question", "the question's"
    )
    add(
        "--format",
        choices=FORMATS,
        metavar="FORMAT",
        help="table, csv, json, or parquet with --out (default: extension of --out, else table)",
    )
    add(
        "--out",
        type=Path,
        metavar="FILE",
        help="file to write or to replace, in one step (default: standard output)",
    )
    add_archive_dir(command)
    add("--offline", action="store_true", help="read the archive only, do not connect to QuestDB")
    add(
        "--memory-mib",
        metavar="MIB",
        help=f"memory of DuckDB before it spills to disk, 128 to 1048576 (default: {_MEMORY_MIB})",
    )


def analyze_request(options: argparse.Namespace, *, now: datetime) -> AnalyzeRequest:
    """Return what parsed options ask for.

    Args:
        options: Of the command's parser.
        now: Aware; which day is today.

    Raises:
        ConfigError: Options are wrong; lists every problem.
    """
    reader = OptionReader()
    if options.from_ is None or options.to is None:
        reader.problems.append("--from, --to: give both")
    request = AnalyzeRequest(
        reader.period(options.from_, options.to, zone=options.zone, tariff=options.tariff, now=now),
        heads=reader.heads(options.heads),
        ratings=_ratings(reader, options.ratings),
        parameters=_parameters(reader, options),
        format=options.format or _format_of(options.out),
        memory_mib=_memory(reader, options.memory_mib),
    )
    if request.format == "parquet" and options.out is None:
        reader.problems.append("--format parquet: needs --out FILE")
    reader.raise_if_any()
    return request


def _parameters(reader: OptionReader, options: argparse.Namespace) -> dict[str, str | int]:
    parameters: dict[str, str | int] = {}
    for text in options.sets:
        name, found, value = text.partition("=")
        if not found or _NAME.fullmatch(name) is None:
            reader.problems.append(f"--set: cannot read {text!r}: give NAME=VALUE")
        else:
            parameters[name] = int(value) if re.fullmatch(r"-?[0-9]{1,18}", value) else value
    named: dict[str, tuple[str, str | None, Callable[[str], str | int]]] = {
        "every": ("--every", options.every, parse_every),
        "group": ("--group", options.group, str),
        "interval_minutes": ("--interval", options.interval, parse_minutes),
    }
    for name, (option, given, parse) in named.items():
        if given is not None and (value := reader.take(option, parse, given)) is not None:
            parameters[name] = value
    return parameters


def _ratings(reader: OptionReader, texts: Sequence[str]) -> dict[str, float]:
    ratings: dict[str, float] = {}
    for text in texts:
        feeder, _, kva = text.partition("=")
        try:
            ratings[feeder] = float(kva)
        except ValueError:
            reader.problems.append(f"--rating: cannot read {text!r}: give FEEDER=KVA")
            continue
        if not feeder or not 0 < ratings[feeder] < float("inf"):
            reader.problems.append(f"--rating: cannot use {text!r}: must be above 0")
    return ratings


def _memory(reader: OptionReader, text: str | None) -> int:
    if text is None:
        return _MEMORY_MIB
    if not text.isdecimal() or not 128 <= int(text) <= 1_048_576:
        reader.problems.append(f"--memory-mib: must be 128 to 1048576, is {text!r}")
        return _MEMORY_MIB
    return int(text)


def _format_of(out: Path | None) -> str:
    suffix = "" if out is None else out.suffix.removeprefix(".").lower()
    return suffix if suffix in FORMATS else "table"


def _run(options: argparse.Namespace) -> int:
    with extra_needed("analyze"):
        from utility_ts_analytics.analysis.catalogue import all_questions, question_names
        from utility_ts_analytics.analysis.engine import Analysis
        from utility_ts_analytics.analysis.sources import sources_of
    if not options.question:
        width = max(map(len, question_names()))
        for name in question_names():
            print(f"{name:{width}}  {all_questions()[name].title}")
        return EXIT_OK
    if options.show:
        print(_question(options.question).sql)
        return EXIT_OK
    now = datetime.now(tz=UTC)
    config, request = config_and(options.config, lambda: analyze_request(options, now=now))
    question = _question(options.question)
    assert request.period.time_range is not None  # noqa: S101 - or it was refused
    with Analysis(
        sources_of(config, archive=options.dir, offline=options.offline),
        request.period.time_range,
        zone=request.period.zone.key,
        tariff=request.period.tariff,
        heads=request.heads,
        ratings=request.ratings,
        meters=options.meters or None,
        memory_mib=request.memory_mib,
    ) as analysis:
        answer = analysis.ask(question, then="FROM answer", **request.parameters)
        _print_origins(analysis.origins.values())
    _give(answer, request.format, options.out)
    return EXIT_OK


def _question(given: str) -> "Question":
    from utility_ts_analytics.analysis.catalogue import all_questions, question_of_text

    found = all_questions().get(given)
    if found is not None:
        return found
    if not given.endswith(".sql"):
        names = ", ".join(all_questions())
        raise ConfigError([f"QUESTION: must be a file (.sql) or one of {names}; is {given!r}"])
    try:
        return question_of_text(Path(given).stem, Path(given).read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"QUESTION: cannot read {given}: {error}"]) from error


def _print_origins(origins: "Iterable[Origin]") -> None:
    for origin in origins:
        text = f"{origin.table}: {origin.archived_days:,} days from the archive"
        if origin.as_of is not None:
            text += f" as of {origin.as_of:%Y-%m-%d %H:%M}Z"
        print(f"{text}, {origin.fresh_days:,} from QuestDB", file=sys.stderr)


def _give(answer: "pa.Table", format_: str, out: Path | None) -> None:
    from utility_ts_analytics.analysis.output import show, write

    if out is not None:
        with written_whole(out) as new:
            if format_ == "table":
                new.write_text(show(answer, width=_WIDTH) + "\n")
            else:
                write(answer, format_, new)
        print(f"{out}: {answer.num_rows:,} rows", file=sys.stderr)
    elif format_ == "table":
        print(show(answer, width=shutil.get_terminal_size((_WIDTH, 24)).columns))
        print(f"{answer.num_rows:,} rows", file=sys.stderr)
    else:
        sys.stdout.flush()
        write(answer, format_, sys.stdout.buffer)


COMMAND = Command(
    name="analyze",
    description="Answer a question about a period: load, losses, completeness, peaks and others."
    " Days come from the archive where it is up to date, else from QuestDB. Without QUESTION,"
    " list the questions. docs/ANALYSES.md explains them.",
    examples={
        "load --show": "what a question answers, and its SQL",
        "load --from 2024-06-03 --to 2024-06-10 --every 1d": "a table",
        "gaps --from today-7d --to today --out gaps.csv": "a file",
    },
    exit_codes={
        EXIT_OK: "answered",
        EXIT_FAILED: "cannot be answered, or the answer cannot be written",
    },
    add_options=_add_options,
    run=_run,
)
