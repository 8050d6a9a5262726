"""What a mapping can say: the only list of its keys, with their types and ranges.

`load` reads it, `checks` has the rules across keys, `docs/MAPPINGS.md` a sentence for each key.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Literal

from msgspec import Meta

from utility_ts_analytics.config.section import Section

Name = Annotated[str, Meta(min_length=1, max_length=256)]
Names = Annotated[tuple[Name, ...], Meta(min_length=0, max_length=10_000)]
Marker = Annotated[str, Meta(max_length=256)]
Markers = Annotated[tuple[Marker, ...], Meta(min_length=0, max_length=100)]
Kind = Literal["ndjson", "csv", "psv", "tsv", "parquet", "arrow", "nem12"]
Delimiter = Annotated[
    str, Meta(pattern=r'\A[^"\r\n]\Z', description="one character, no quote and no line end")
]
Minutes = Annotated[int, Meta(ge=1, le=1440)]

TIME_WORDS = ("iso", "epoch_s", "epoch_ms", "epoch_us", "epoch_ns")
"""Time formats that are no strptime format."""


class FileSection(Section, frozen=True, kw_only=True):
    """What the text around the values is like: `[file]`.

    Attributes:
        kind: As `--format`; None leaves it to the name.
        delimiter: Between cells; None is that of the kind.
        quoted: Whether a cell may stand in double quotes; without, a quote is a character.
        header: Whether the first line that is not skipped names the columns.
        columns: Their names where it does not.
        encoding: Of the text.
        skip_lines: Lines to leave out at the top.
        skip_lines_starting_with: Lines to leave out anywhere: comments, trailers.
        only_lines_starting_with: If any, every other line is left out: the header too, if it does
            not begin so.
        null: Cells that mean "not there".
        decimal_comma: Numbers have a comma where others have a point.
    """

    kind: Kind | None = None
    delimiter: Delimiter | None = None
    quoted: bool = True
    header: bool = True
    columns: Names = ()
    encoding: Literal["utf-8", "windows-1252", "iso-8859-1"] = "utf-8"
    skip_lines: Annotated[int, Meta(ge=0, le=10_000)] = 0
    skip_lines_starting_with: Names = ()
    only_lines_starting_with: Names = ()
    null: Markers = ("",)
    decimal_comma: bool = False


class TimeSection(Section, frozen=True, kw_only=True):
    """How a row says when: `[time]`.

    Attributes:
        columns: One, or a date and a time of day, which are joined with a blank.
        format: What to try, in order: a strptime format, or one of `TIME_WORDS`.
        zone: Of times without an offset: IANA name or `+HH:MM`. None refuses such times.
        label: Which edge of the interval the time is: "start"; "end", as a clock shows it then;
            "wall-end": the start on the wall clock plus the interval, which some exports write.
        interval_minutes: Length of the interval.
        repeated_hour: What the hour is that comes twice when summer time ends.
        missing_hour: What becomes of times that the clock skips when summer time begins.
    """

    columns: Names = ("ts",)
    format: Annotated[tuple[Name, ...], Meta(min_length=1, max_length=16)] = ("iso",)
    zone: Name | None = None
    label: Literal["start", "end", "wall-end"] = "start"
    interval_minutes: Minutes | None = None
    repeated_hour: Literal["order", "first", "second", "refuse"] = "refuse"
    missing_hour: Literal["shift", "refuse"] = "refuse"


class WideSection(Section, frozen=True, kw_only=True):
    """One row per day, one column per interval: `[wide]`.

    Attributes:
        field: What the columns hold; its unit and the like stand in `[fields]`.
        first_column: The first of them.
        last_column: The last; all between belong to it, in the order of the header.
        day: How days of 23 and 25 hours are laid out: "elapsed": column n is the n-th interval
            since midnight; "clock": column n is the n-th on the clock.
    """

    field: Name
    first_column: Name
    last_column: Name
    day: Literal["elapsed", "clock"] = "elapsed"


class Nem12Section(Section, frozen=True, kw_only=True):
    """What of a NEM12 file becomes what: `[nem12]`.

    Attributes:
        reactive: "pair" puts a reactive channel's values into `kvarh` of the active channel of
            the same register number and direction; "skip" leaves them out, counted.
        meter_id: "nmi-suffix" is `NMI-E1`; "serial-suffix" has the meter's serial number instead.
        quality: "flag" keeps the letter (A, S, F, E, N), "method" the method with it (S14).
        null_reads: What becomes of values of quality N, which AEMO calls null data.
        source_system: Constant; None is the participant that the header names.
    """

    reactive: Literal["pair", "skip"] = "pair"
    meter_id: Literal["nmi-suffix", "serial-suffix"] = "nmi-suffix"
    quality: Literal["flag", "method"] = "flag"
    null_reads: Literal["skip", "keep"] = "skip"
    source_system: Annotated[str, Meta(max_length=256)] | None = None


class FieldSection(Section, frozen=True, kw_only=True):
    """Where a field comes from: `[fields]`; `values` and `multiplier` are read beside it.

    Attributes:
        column: Of the file. None with `constant` or `[wide]`.
        constant: The text of every row.
        unit: Of the file's numbers; None is the stream's own.
        decimal_comma: None is as in `[file]`.
        null: Further markers of "not there", beside those of `[file]`.
        other_values: What becomes of texts that `values` does not list.
    """

    column: Name | None = None
    constant: Marker | None = None
    unit: Name | None = None
    decimal_comma: bool | None = None
    null: Markers = ()
    other_values: Literal["keep", "absent", "refuse"] = "refuse"


@dataclass(frozen=True, slots=True)
class FieldRule:
    """One field, resolved.

    Attributes:
        column: Of the file; None if `constant` is set or the field is the one of wide rows.
        constant: The text of every row, or None.
        factor: Multiplies the file's number.
        decimal_comma: Numbers have a comma.
        null: Cells that mean "not there", those of the file included.
        values: Text of the file -> text of the record; None leaves texts as they are.
        other_values: As in `FieldSection`.
    """

    column: str | None
    constant: str | None = None
    factor: Fraction = Fraction(1)
    decimal_comma: bool = False
    null: frozenset[str] = frozenset(("",))
    values: Mapping[str, str] | None = None
    other_values: Literal["keep", "absent", "refuse"] = "refuse"


@dataclass(frozen=True, slots=True)
class FileMapping:
    """A whole mapping, checked.

    Attributes:
        stream: Name of the stream that it is for.
        file: `[file]`.
        time: `[time]`.
        wide: `[wide]`, if the file is so.
        nem12: `[nem12]`.
        fields: By field name; `ts` is not among them.
        only: `[only]`: the rows to take, by the texts that a column must have one of.
    """

    stream: str
    file: FileSection
    time: TimeSection
    wide: WideSection | None
    nem12: Nem12Section
    fields: Mapping[str, FieldRule]
    only: Mapping[str, tuple[str, ...]]


def plain_mapping(stream: str, fields: Iterable[str]) -> FileMapping:
    """Return the mapping of a file whose columns have the names of the fields.

    Args:
        stream: The stream's name.
        fields: Those that the file has; `ts` is left out.
    """
    rules = {name: FieldRule(name) for name in fields if name != "ts"}
    file, time, nem12 = FileSection(), TimeSection(), Nem12Section()
    return FileMapping(stream, file, time, None, nem12, rules, {})
