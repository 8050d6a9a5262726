"""Rules across the keys of a mapping: combinations of good values that mean nothing together."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from utility_ts_analytics.config.problems import Problems
from utility_ts_analytics.ingest.mapping.model import (
    TIME_WORDS,
    FileMapping,
    TimeSection,
    WideSection,
)
from utility_ts_analytics.ingest.mapping.zones import zone_of
from utility_ts_analytics.records.streams import StreamSpec

_TEXT_KEYS = (
    "delimiter",
    "quoted",
    "header",
    "columns",
    "encoding",
    "skip_lines",
    "skip_lines_starting_with",
    "only_lines_starting_with",
)
_DAY_MINUTES = 1440
_DIRECTIVES = re.compile(r"%(.)")
_YEARS = frozenset("YycxG")
_Problem = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of a mapping file, to tell what was set from what is a default."""

    tables: Mapping[str, object]

    def has(self, table: str, key: str) -> bool:
        """Tell whether the file sets a key."""
        inner = self.tables.get(table)
        return isinstance(inner, dict) and key in inner


def check_all(mapping: FileMapping, spec: StreamSpec, given: Tables, problems: Problems) -> None:
    """Add every problem across keys, but those at keys that are wrong by themselves."""
    found = [
        *_kind_problems(mapping, given),
        *_file_problems(mapping, given),
        *_time_problems(mapping, given),
        *_wide_problems(mapping, spec, given),
        *_field_problems(mapping, spec),
    ]
    for path, message in found:
        if path not in problems.paths:
            problems.add(path, message)


def _kind_problems(mapping: FileMapping, given: Tables) -> Iterator[_Problem]:
    kind = mapping.file.kind
    if kind == "nem12":
        for table in ("time", "fields", "wide", "only"):
            if table in given.tables:
                yield table, "has no use: NEM12 says itself what its columns are; see [nem12]"
        if mapping.stream != "meter_usage":
            yield "stream", "must be meter_usage: NEM12 holds readings of meters"
    elif "nem12" in given.tables:
        yield "nem12", 'has no use without file.kind = "nem12"'
    if kind in ("parquet", "arrow", "ndjson", "nem12"):
        for key in _TEXT_KEYS:
            if given.has("file", key):
                yield f"file.{key}", f"has no use in a file of kind {kind}"


def _file_problems(mapping: FileMapping, given: Tables) -> Iterator[_Problem]:
    file = mapping.file
    if not file.header and not file.columns:
        yield "file.columns", "must name the columns, as file.header is false"
    if file.header and file.columns:
        yield "file.columns", "has no use beside a header: set file.header = false, or leave it out"
    if len(set(file.columns)) < len(file.columns):
        yield "file.columns", "has a name more than once"
    if file.skip_lines_starting_with and file.only_lines_starting_with:
        both = set(file.skip_lines_starting_with) & set(file.only_lines_starting_with)
        if both:
            yield (
                "file.only_lines_starting_with",
                "has a text that skip_lines_starting_with has too",
            )
    if file.decimal_comma and file.delimiter == "," and not file.quoted:
        yield "file.decimal_comma", 'cannot be true with delimiter = "," and quoted = false'


def _time_problems(mapping: FileMapping, given: Tables) -> Iterator[_Problem]:
    time = mapping.time
    if len(time.columns) not in (1, 2):
        yield "time.columns", "must be one column, or one of dates and one of times of day"
    for index, text in enumerate(time.format):
        problem = None if text in TIME_WORDS else _format_problem(text)
        if problem is not None:
            yield f"time.format[{index}]", problem
    if time.zone is not None:
        try:
            zone_of(time.zone)
        except ValueError as error:
            yield "time.zone", f"must be {error}"
    else:
        for key in ("repeated_hour", "missing_hour"):
            if given.has("time", key):
                yield f"time.{key}", "has no use without time.zone"
        if time.label == "wall-end":
            yield "time.label", 'cannot be "wall-end" without time.zone'
    if time.label != "start" and time.interval_minutes is None:
        yield "time.interval_minutes", f'must be set, as time.label is "{time.label}"'


def _format_problem(text: str) -> str | None:
    """Say what is wrong with a strptime format, or return None."""
    directives = set(_DIRECTIVES.findall(text.replace("%%", "")))
    if not directives & _YEARS:
        known = ", ".join(TIME_WORDS)
        return f"must be one of {known}, or a strptime format with a year, such as %d.%m.%Y %H:%M"
    try:
        datetime.strptime("", text)  # noqa: DTZ007  only its complaint is wanted
    except ValueError as error:
        if "bad directive" in str(error) or "stray %" in str(error):
            return f"is no strptime format: {error}"
    except re.error as error:
        return f"is no strptime format: {error}"
    return None


def _wide_problems(mapping: FileMapping, spec: StreamSpec, given: Tables) -> Iterator[_Problem]:
    wide, time = mapping.wide, mapping.time
    if wide is None:
        return
    for key in ("field", "first_column", "last_column"):
        if not getattr(wide, key):
            yield f"wide.{key}", "must be set"
    if wide.field and wide.field not in spec.numbers:
        yield "wide.field", f"must be a number of {spec.name}: {', '.join(spec.numbers)}"
    if time.zone is None:
        yield "time.zone", "must be set: a day of wide rows begins at midnight somewhere"
    if time.interval_minutes is None or _DAY_MINUTES % time.interval_minutes:
        yield "time.interval_minutes", "must be set to a part of a day, as the rows are wide"
    if time.label != "start":
        yield "time.label", "has no use with [wide]: the place of a column says when"
    yield from _wide_day_problems(wide, time, given)


def _wide_day_problems(wide: WideSection, time: TimeSection, given: Tables) -> Iterator[_Problem]:
    if wide.day == "clock" and time.repeated_hour == "order":
        yield "time.repeated_hour", 'cannot be "order" with wide.day = "clock": a row has it once'
    if wide.day == "elapsed":
        for key in ("repeated_hour", "missing_hour"):
            if given.has("time", key):
                yield f"time.{key}", 'has no use with wide.day = "elapsed"'


def _field_problems(mapping: FileMapping, spec: StreamSpec) -> Iterator[_Problem]:
    if mapping.file.kind == "nem12":
        return
    wide_field = mapping.wide.field if mapping.wide else None
    for name in (*spec.required, *((wide_field,) if wide_field in spec.numbers else ())):
        if name not in mapping.fields and name != "ts":
            what = "a column" if name != wide_field else "a table, {} if its unit is the stream's"
            yield f"fields.{name}", f"must be set to {what}"
    for name, rule in mapping.fields.items():
        where = f"fields.{name}"
        if name == wide_field:
            if rule.column is not None or rule.constant is not None:
                yield where, "must have no column: [wide] says where it is"
        elif (rule.column is None) == (rule.constant is None):
            yield where, "must have one of column and constant"
        elif name in spec.numbers and wide_field in spec.numbers:
            yield where, f"cannot be told by a row that holds a day of {wide_field}"
