"""From the options of a load to its plan; what can be seen to be wrong is named at once."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from utility_ts_analytics import __version__
from utility_ts_analytics.config import Config
from utility_ts_analytics.errors import ConfigError, OperatorError
from utility_ts_analytics.ingest.identity import identify
from utility_ts_analytics.ingest.inputs import Input, find_inputs
from utility_ts_analytics.ingest.journal import Journal
from utility_ts_analytics.ingest.refused_files import reasons_path
from utility_ts_analytics.service.load_opening import Opening
from utility_ts_analytics.service.load_plan import LoadOptions, LoadPlan


def make_plan(config: Config, options: LoadOptions, *, wall_ns: int) -> LoadPlan:
    """Find the inputs and prepare what reads them. Stores nothing, writes nothing.

    Args:
        config: As of the server.
        options: What was asked for.
        wall_ns: The time, for `max_future_minutes`.

    Raises:
        ConfigError: With every problem of options, mapping and inputs.
    """
    problems: list[str] = []
    if options.dry_run and options.refused is not None:
        problems.append("--refused: a dry run writes no files; leave one of the two out")
    try:
        opening = Opening(config, options, wall_ns=wall_ns)
    except ConfigError as error:
        raise ConfigError([*problems, *error.problems]) from error
    found = find_inputs(options.paths, lambda path: opening.kind(path) is not None)
    problems += found.problems
    if not found.files and not problems:
        problems.append("there is nothing to load: no file of a known kind was found")

    def refused_path(entry: Input) -> Path | None:
        if options.refused is None:
            return None
        return options.refused / opening.refused_name(entry)

    problems += _clashes(found.files, refused_path)
    if problems:
        raise ConfigError(problems)
    return LoadPlan(found.files, found.skipped, opening.open_input, refused_path)


def check_refused_files(plan: LoadPlan, journal: Journal | None) -> None:
    """Make sure that no file of refused rows of an earlier load would be written over.

    Somebody may be correcting it. Those of inputs that the journal has as done are of this load.

    Raises:
        ConfigError: Names each.
    """
    problems = []
    for entry in plan.inputs:
        path = plan.refused_path(entry)
        if path is None or not (path.exists() or reasons_path(path).exists()):
            continue
        record = None
        if journal is not None and entry.is_file:
            record, _ = journal.find(identify(entry.path))
        if record is None or not record.done:
            problems.append(
                f"--refused: {path} is there from an earlier load: move it away,"
                " or give another folder"
            )
    if problems:
        raise ConfigError(problems)


def same_in_every_run(config: Config, options: LoadOptions) -> Mapping[str, str]:
    """Return what must be the same for a load to go on where another run of it ended."""
    stream = config.streams[options.stream]
    source = stream.source
    return {
        "version": __version__,
        "table": stream.table,
        "QuestDB": str(config.questdb.ilp_http_address),
        "mapping": _digest(options.mapping),
        "--format": options.kind or "",
        "--refused": "" if options.refused is None else str(options.refused.absolute()),
        "allow_negative": str(source.allow_negative),
        "max_line_bytes": str(source.line_bytes_max),
        "max_future_minutes": str(source.future_minutes_max),
    }


def _clashes(inputs: Sequence[Input], refused_path: Callable[[Input], Path | None]) -> list[str]:
    """Return where the refused rows of two inputs, or a row and its input, would be one file."""
    problems = []
    sources = {entry.path.resolve() for entry in inputs}
    taken: dict[Path, Input] = {}
    for entry in inputs:
        path = refused_path(entry)
        if path is None:
            continue
        first = taken.setdefault(path, entry)
        if first is not entry:
            problems.append(
                f"--refused: the refused rows of {first.path} and of {entry.path} would both be"
                f" {path}: load them one after the other, into different folders"
            )
        elif path.resolve() in sources or reasons_path(path).resolve() in sources:
            problems.append(
                f"--refused: {path} is an input itself: give a folder that holds none of them"
            )
    return problems


def _digest(mapping: Path | None) -> str:
    if mapping is None:
        return ""
    try:
        return hashlib.sha256(mapping.read_bytes()).hexdigest()
    except OSError as error:
        raise OperatorError(f"cannot read {mapping}: {error.strerror}") from error
