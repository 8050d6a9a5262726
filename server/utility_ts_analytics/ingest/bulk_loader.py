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
from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass
from pathlib import PurePath
from typing import Literal, get_args

PartitionUnit = Literal["HOUR", "DAY", "WEEK", "MONTH", "YEAR"]
OnError = Literal["abort", "skip_row", "skip_column"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,126}")
_DELIMITERS = frozenset(",;|\t:^ ")


@dataclass(frozen=True, slots=True)
class CopyJob:
    """One file to load into one table. `build_copy_sql` checks the values.

    Attributes:
        table: Name of the target table: letters, digits and `_`.
        path: Of the CSV file, relative to the server's `cairo.sql.copy.root`; a leading `/` means
            that root too. Neither `'` nor `..` may occur.
        timestamp: Column with the designated timestamp, as named in the table.
        timestamp_format: Pattern of the times, such as `yyyy-MM-ddTHH:mm:ssZ`, without `'`. None:
            the server knows a few forms by itself, `2026-02-01T00:00:00.000000Z` among them but
            not the same without its fraction.
        header: Whether the first line names the columns. Without names, columns go by position.
        delimiter: One of `,` `;` `|` tab `:` `^` and space. None: the server finds out.
        partition_by: Must equal the table's own unit where the table exists. None: the table's.
        on_error: What a value that does not parse does: `abort` leaves the table empty,
            `skip_row` leaves out the row, `skip_column` stores null. None: as `skip_row`.
    """

    table: str
    path: str | PurePath
    _: KW_ONLY
    timestamp: str = "ts"
    timestamp_format: str | None = None
    header: bool = True
    delimiter: str | None = None
    partition_by: PartitionUnit | None = None
    on_error: OnError | None = None


def build_copy_sql(job: CopyJob) -> str:
    """Return the COPY statement of `job`, ended with `;`.

    Such as `COPY meter_usage FROM 'week.csv' WITH header true timestamp ts;`.

    Raises:
        ValueError: A value cannot be written safely or is none that QuestDB 9.3.4 takes.
    """
    options = [f"header {'true' if job.header else 'false'}", f"timestamp {_name(job.timestamp)}"]
    if job.timestamp_format is not None:
        options.append(f"format {_quoted('timestamp_format', job.timestamp_format)}")
    if job.delimiter is not None:
        if job.delimiter not in _DELIMITERS:
            msg = f"cannot copy with delimiter {job.delimiter!r}: use one of {sorted(_DELIMITERS)}"
            raise ValueError(msg)
        options.append(f"delimiter '{job.delimiter}'")
    if job.partition_by is not None:
        unit = _one_of("partition_by", job.partition_by, get_args(PartitionUnit))
        options.append(f"partition by {unit}")
    if job.on_error is not None:
        options.append(f"on error {_one_of('on_error', job.on_error, get_args(OnError))}")
    return f"COPY {_name(job.table)} FROM {_path(job.path)} WITH {' '.join(options)};"


def map_jobs(jobs: Iterable[CopyJob]) -> tuple[str, ...]:
    """Return the statements of `jobs`, in their order; empty for none.

    Raises:
        ValueError: As `build_copy_sql`, for the first bad job; then no statement is returned.
    """
    return tuple(build_copy_sql(job) for job in jobs)


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
