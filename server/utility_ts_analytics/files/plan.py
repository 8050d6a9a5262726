"""From the options of a load to its plan; every problem that can be seen is reported at once."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from utility_ts_analytics import __version__
from utility_ts_analytics.config import Config
from utility_ts_analytics.errors import ConfigError, OperatorError
from utility_ts_analytics.files.books.journal import Journal, identify
from utility_ts_analytics.files.books.refused_files import reasons_path
from utility_ts_analytics.files.inputs import Input, find_inputs
from utility_ts_analytics.files.options import LoadOptions
from utility_ts_analytics.files.replaced.replaced_rows import OpenInput
from utility_ts_analytics.files.sources.opening import Opening
from utility_ts_analytics.records.streams import STREAMS, StreamSpec


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """What a load is to do.

    Attributes:
        inputs: Inputs in the order in which they are loaded.
        skipped: Files of folders that are of no known kind.
        spec: The stream.
        open_input: Opens an input at a place.
        refused_path: Returns the file for the refused records of an input; None drops them.
        close: Closes what was kept for the next input. Idempotent.
    """

    inputs: Sequence[Input]
    skipped: Sequence[str]
    spec: StreamSpec
    open_input: OpenInput
    refused_path: Callable[[Input], Path | None]
    close: Callable[[], None]

    @property
    def bytes_total(self) -> int | None:
        """Bytes of all inputs on disk; None where one has no size."""
        sizes = [entry.size_bytes for entry in self.inputs]
        return None if None in sizes else sum(size or 0 for size in sizes)


def make_plan(config: Config, options: LoadOptions, *, wall_ns: int) -> LoadPlan:
    """Find the inputs and prepare the reading of them. Writes nothing.

    Args:
        config: The configuration of the server.
        options: The options of the load.
        wall_ns: Time of day, ns since 1970, for `max_future_minutes`.

    Raises:
        ConfigError: With every problem of options, mapping and inputs.
    """
    problems: list[str] = []
    if options.dry_run and options.refused is not None:
        problems.append("--refused: a dry run writes no files; leave one of the two out")
    if not options.dry_run:
        config.refuse_shards("load")
    if not options.dry_run and config.streams[options.stream].sink.kind == "kafka":
        problems.append(
            f'{options.stream}.sink.kind: is "kafka", and a load writes into QuestDB: post the'
            ' file, or load it where kind is "ilp"'
        )
    try:
        opening = Opening(config, options, wall_ns=wall_ns)
    except ConfigError as error:
        raise ConfigError([*problems, *error.problems]) from error
    found = find_inputs(options.paths, opening.why_not)
    problems += found.problems
    if not found.files and not problems:
        problems.append("there is nothing to load: no file of a known kind was found")

    def refused_path(entry: Input) -> Path | None:
        if options.refused is None or entry.fault is not None:
            return None
        return options.refused / opening.refused_name(entry)

    problems += _clashes(found.files, refused_path)
    if problems:
        raise ConfigError(problems)
    return LoadPlan(
        found.files,
        found.skipped,
        STREAMS[options.stream],
        opening.open_input,
        refused_path,
        opening.close,
    )


def check_refused_files(plan: LoadPlan, journal: Journal | None) -> None:
    """Check that no file of refused records of an earlier load would be overwritten.

    A user may be correcting it. Files of inputs that the journal records as done are of this load.

    Raises:
        ConfigError: There are such files; names each.
    """
    problems = []
    for entry in plan.inputs:
        path = plan.refused_path(entry)
        if path is None or not (path.exists() or reasons_path(path).exists()):
            continue
        record = None
        if journal is not None and entry.is_file:
            record, _ = journal.find(identify(entry.path, entry.member))
        if record is None or not record.done:
            problems.append(
                f"--refused: {path} is there from an earlier load, which read that input to its"
                " end: move it away, or give another folder"
            )
    if problems:
        raise ConfigError(problems)


def same_in_every_run(config: Config, options: LoadOptions) -> Mapping[str, str]:
    """Return the settings that must be equal for a load to resume an earlier run."""
    stream = config.streams[options.stream]
    source = stream.source
    return {
        "version": __version__,
        "table": stream.table,
        "QuestDB": str(config.questdb.ilp_http_addr),
        "mapping": _digest(options.mapping),
        "--format": options.kind or "",
        "--refused": "" if options.refused is None else str(options.refused.absolute()),
        "allow_negative": str(source.allow_negative),
        "max_line_bytes": str(source.max_line_bytes),
        "max_future_minutes": str(source.max_future_minutes),
    }


def _clashes(inputs: Sequence[Input], refused_path: Callable[[Input], Path | None]) -> list[str]:
    """Return problems: refused records of two inputs, or of an input and itself, in one file."""
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
                f"--refused: the refused rows of {first.name} and of {entry.name} would both be"
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
