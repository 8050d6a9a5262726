"""COPY statements: QuestDB reads CSV files from its own disk, without this service in between.

For the first load of an empty table. What COPY does and does not do on QuestDB 9.3.4:

- The server reads the file below its `cairo.sql.copy.root`: by default `import` in its data folder.
- The statement returns an id at once and the import runs on. The table `sys.text_import_log` says
  how it ended: `status` is `finished`, `failed` or `cancelled` in the row whose `phase` is null,
  and `errors` counts what was skipped.
- One import at a time: a second statement is refused ("another import may be in progress") while
  one runs, and for a moment after the log says that it ended. Run the statements of `map_jobs` one
  after another, and try a refused one again.
- The target must be empty, else the import fails. It goes around the write-ahead log and **around
  DEDUP**: rows of the file with equal keys are all stored, and a later insert with that key
  replaces each of them (`test_copy_goes_around_dedup`). A file that may hold duplicates, or rows
  for a table in use, goes through the service instead.
- A target that does not exist is made with guessed types and without WAL and DEDUP: apply the
  schema first.
- With no `on_error`, a row that does not parse is skipped and only counted.
- Options are separated by spaces: a comma between them is a syntax error.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Literal, TypeVar, get_args, overload

PartitionUnit = Literal["HOUR", "DAY", "WEEK", "MONTH", "YEAR"]
OnError = Literal["abort", "skip_row", "skip_column"]
ResultT = TypeVar("ResultT")

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,126}")
_DELIMITERS = frozenset(",;|\t:^ ")
_EXTRA = {
    "timestamp": "timestamp",
    "format": "timestamp_format",
    "timestamp_format": "timestamp_format",
    "delimiter": "delimiter",
    "partition_by": "partition_by",
    "on_error": "on_error",
}
"""Options by their names in COPY and in `CopyJob`, and the field of `CopyJob` that each is."""
_PAIR = re.compile(
    r"(timestamp|format|delimiter|partition[ _]+by|on[ _]+error|header)\s+('[^']*'|\w+)(?:\s+|\Z)",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, init=False)
class CopyJob:
    """One file to load into one table. `build_copy_sql` checks the values.

    Attributes:
        table: Name of the target table: letters, digits and `_`.
        csv_path: Of the CSV file, relative to the server's `cairo.sql.copy.root`; a leading `/`
            means that root too. Neither `'` nor `..` may occur.
        has_header: Whether the first line names the columns. Without names, columns go by position.
        extra_options: Further options by their names in COPY, such as `{"DELIMITER": ";"}`, or as
            they stand there, such as `"DELIMITER ';' ON ERROR ABORT"`: those that are attributes
            below, each said once. A mapping is copied; None in it is an option not said.
        timestamp: Column with the designated timestamp, as named in the table. None: `ts`.
        timestamp_format: Pattern of the times, such as `yyyy-MM-ddTHH:mm:ssZ`, without `'`. None:
            the server knows a few forms by itself, `2026-02-01T00:00:00.000000Z` among them but
            not the same without its fraction.
        delimiter: One of `,` `;` `|` tab `:` `^` and space. None: the server finds out.
        partition_by: Must equal the table's own unit where the table exists. None: the table's.
        on_error: What a value that does not parse does: `abort` leaves the table empty,
            `skip_row` leaves out the row, `skip_column` stores null. None: as `skip_row`.

    Args:
        path: The same as `csv_path`; one of the two is given.
        header: The same as `has_header`.

    Raises:
        ValueError: There is no path, or a path or a header is given twice.
    """

    table: str
    csv_path: str | PurePath
    has_header: bool
    extra_options: Mapping[str, object] | str | None = field(hash=False)
    timestamp: str | None
    timestamp_format: str | None
    delimiter: str | None
    partition_by: PartitionUnit | None
    on_error: OnError | None

    def __init__(
        self,
        table: str,
        csv_path: str | PurePath | None = None,
        has_header: bool | None = None,
        extra_options: Mapping[str, object] | str | None = None,
        *,
        path: str | PurePath | None = None,
        header: bool | None = None,
        timestamp: str | None = None,
        timestamp_format: str | None = None,
        delimiter: str | None = None,
        partition_by: PartitionUnit | None = None,
        on_error: OnError | None = None,
    ) -> None:
        given_path = _only_one("csv_path or path", csv_path, path)
        if given_path is None:
            raise ValueError("cannot copy without a file: csv_path is missing")
        given_header = _only_one("has_header or header", has_header, header)
        if isinstance(extra_options, Mapping):
            extra_options = dict(extra_options)
        values: dict[str, object] = {
            "table": table,
            "csv_path": given_path,
            "has_header": given_header is not False,
            "extra_options": extra_options,
            "timestamp": timestamp,
            "timestamp_format": timestamp_format,
            "delimiter": delimiter,
            "partition_by": partition_by,
            "on_error": on_error,
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def path(self) -> str | PurePath:
        """The same as `csv_path`."""
        return self.csv_path

    @property
    def header(self) -> bool:
        """The same as `has_header`."""
        return self.has_header


def build_copy_sql(job: CopyJob) -> str:
    """Return the COPY statement of `job`, ended with `;`.

    Such as `COPY meter_usage FROM 'week.csv' WITH header true timestamp ts;`.

    Raises:
        ValueError: A value cannot be written safely or is none that QuestDB 9.3.4 takes, or an
            extra option is unknown or said elsewhere too.
    """
    said = _said(job)
    options = [f"header {'true' if job.has_header else 'false'}"]
    options.append(f"timestamp {_name(said.get('timestamp', 'ts'))}")
    if (pattern := said.get("timestamp_format")) is not None:
        options.append(f"format {_quoted('timestamp_format', pattern)}")
    if (delimiter := said.get("delimiter")) is not None:
        if delimiter not in _DELIMITERS:
            msg = f"cannot copy with delimiter {delimiter!r}: use one of {sorted(_DELIMITERS)}"
            raise ValueError(msg)
        options.append(f"delimiter '{delimiter}'")
    if (unit := said.get("partition_by")) is not None:
        options.append(f"partition by {_one_of('partition_by', unit, get_args(PartitionUnit))}")
    if (choice := said.get("on_error")) is not None:
        options.append(f"on error {_one_of('on_error', choice, get_args(OnError))}")
    return f"COPY {_name(job.table)} FROM {_path(job.csv_path)} WITH {' '.join(options)};"


@overload
def map_jobs(transform: Callable[[CopyJob], ResultT], jobs: Iterable[CopyJob]) -> list[ResultT]: ...


@overload
def map_jobs(transform: Iterable[CopyJob]) -> tuple[str, ...]: ...


@overload
def map_jobs(*, jobs: Iterable[CopyJob]) -> tuple[str, ...]: ...


def map_jobs(
    transform: Callable[[CopyJob], ResultT] | Iterable[CopyJob] | None = None,
    jobs: Iterable[CopyJob] | None = None,
) -> list[ResultT] | tuple[str, ...]:
    """Return what `transform` makes of each job, in their order; empty for none.

    The jobs stay as they are: `transform` gets copies. `map_jobs(jobs)` alone returns the
    statements, as `map_jobs(build_copy_sql, jobs)` does, as a tuple.

    Args:
        transform: Such as `lambda job: replace(job, table="meter_usage_2023")`, with `replace` of
            `dataclasses`. What it returns may be anything.
        jobs: Read once.

    Raises:
        ValueError: As `build_copy_sql`, for the first bad job; then no statement is returned.
    """
    if callable(transform):
        if jobs is None:
            raise TypeError("map_jobs needs jobs beside the transform")
        return [transform(replace(job)) for job in jobs]
    return tuple(build_copy_sql(job) for job in (transform if jobs is None else jobs) or ())


def _only_one(names: str, first: ResultT | None, second: ResultT | None) -> ResultT | None:
    if first is not None and second is not None:
        msg = f"cannot copy with both {names}: they are the same"
        raise ValueError(msg)
    return second if first is None else first


def _said(job: CopyJob) -> dict[str, str]:
    """Return the options that are not the header, by field, wherever the job says them."""
    fields = dict.fromkeys(_EXTRA.values())
    said = {name: getattr(job, name) for name in fields if getattr(job, name) is not None}
    for option, value in _pairs(job.extra_options):
        name = "_".join(option.lower().replace("_", " ").split())
        if name == "header":
            raise ValueError("cannot copy with the extra option header: has_header says it")
        if name not in _EXTRA:
            known = "timestamp, format, delimiter, partition by, on error"
            msg = f"cannot copy with the extra option {option!r}: the options are {known}"
            raise ValueError(msg)
        if _EXTRA[name] in said:
            msg = f"cannot copy with the extra option {option!r}: it is said twice"
            raise ValueError(msg)
        said[_EXTRA[name]] = _in_case(name, value)
    return said


def _pairs(extra: Mapping[str, object] | str | None) -> Iterable[tuple[str, str]]:
    """Return the names and values of extra options, without the quotes around values."""
    if isinstance(extra, Mapping):
        pairs = [(str(name), str(value)) for name, value in extra.items() if value is not None]
    else:
        text = (extra or "").strip()
        found = list(_PAIR.finditer(text))
        if "".join(pair[0] for pair in found) != text:
            msg = f"cannot copy with the extra options {text!r}: write them as DELIMITER ';'"
            raise ValueError(msg)
        pairs = [(pair[1], pair[2]) for pair in found]
    return [(option, _unquoted(value)) for option, value in pairs]


def _unquoted(value: str) -> str:
    # No value may hold a quote, so that those around one can only be those of the statement.
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == "'" else value


def _in_case(name: str, value: str) -> str:
    """Return the value as the attributes spell it: SQL takes any case."""
    return {"partition_by": value.upper(), "on_error": value.lower()}.get(name, value)


def _name(name: str) -> str:
    if _NAME.fullmatch(name) is None:
        msg = f"cannot use {name!r} as a name: only letters, digits and _, not a digit first"
        raise ValueError(msg)
    return name


def _path(path: str | PurePath) -> str:
    text = path.as_posix() if isinstance(path, PurePath) else path
    if not text or ".." in text:
        msg = f"cannot copy from {text!r}: QuestDB takes no empty path and none that holds '..'"
        raise ValueError(msg)
    return _quoted("path", text)


def _quoted(field: str, value: str) -> str:
    # A doubled quote is no way out: COPY does not undo it and would look for another name.
    if "'" in value or not value.isprintable():
        msg = (
            f"cannot copy with {field} {value!r}: COPY cannot express a single quote or a control"
            " character; rename the file or change the pattern"
        )
        raise ValueError(msg)
    return f"'{value}'"


def _one_of(field: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        msg = f"cannot copy with {field} {value!r}: use one of {', '.join(known)}"
        raise ValueError(msg)
    return value
