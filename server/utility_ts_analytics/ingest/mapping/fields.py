"""Reads `[fields]` of a mapping: what each field of a record is made of."""

from collections.abc import Mapping
from fractions import Fraction

import msgspec

from utility_ts_analytics.config.problems import Problems, join_path, shown_value
from utility_ts_analytics.config.tree import overlay
from utility_ts_analytics.ingest.mapping.checks import Tables
from utility_ts_analytics.ingest.mapping.model import (
    FieldRule,
    FieldSection,
    FileSection,
    TimeSection,
)
from utility_ts_analytics.ingest.mapping.units import UnitError, factor_to
from utility_ts_analytics.records.streams import StreamSpec

_MULTIPLIER_MAX = 10**12
_OF_TEXTS = ("constant", "values", "other_values")
_OF_NUMBERS = ("unit", "multiplier", "decimal_comma")


def read_fields(
    given: Tables, spec: StreamSpec, file: FileSection, time: TimeSection, problems: Problems
) -> dict[str, FieldRule]:
    """Return the rule of each field, in the order of the record type.

    Args:
        given: The file's tables.
        spec: The stream.
        file: Null markers and the decimal comma that hold for every field.
        time: The interval, which power and energy differ by.
        problems: Gets every problem; a field with one may have a wrong rule.
    """
    table = given.tables.get("fields", {})
    if not isinstance(table, dict):
        problems.add("fields", f"must be a table, is {shown_value(table)}")
        return {}
    names = [info.name for info in msgspec.structs.fields(spec.record_type)]
    for name in table:
        where = join_path("fields", name)
        if name == "ts":
            problems.add(where, "is read by [time]: name its column in time.columns")
        elif name not in names:
            fields = ", ".join(known for known in names if known != "ts")
            problems.add(where, f"is no field of {spec.name}; these are: {fields}")
    return {
        name: _read_field(name, table[name], spec, file=file, time=time, problems=problems)
        for name in names
        if name in table and name != "ts"
    }


def _read_field(
    name: str,
    value: object,
    spec: StreamSpec,
    *,
    file: FileSection,
    time: TimeSection,
    problems: Problems,
) -> FieldRule:
    where = f"fields.{name}"
    table = {"column": value} if isinstance(value, str) else value
    if not isinstance(table, dict):
        problems.add(where, f"must be the name of a column or a table, is {shown_value(value)}")
        return FieldRule(name)
    is_number = name in spec.numbers
    for key in _OF_TEXTS if is_number else _OF_NUMBERS:
        if key in table:
            kind = "numbers" if is_number else "texts"
            problems.add(f"{where}.{key}", f"has no use here: {name} holds {kind}")
    values = _read_values(table.get("values"), f"{where}.values", problems)
    if "other_values" in table and values is None:
        problems.add(f"{where}.other_values", "has no use without values")
    factor = _read_multiplier(table.get("multiplier", 1), f"{where}.multiplier", problems)
    rest = {key: part for key, part in table.items() if key not in ("values", "multiplier")}
    if isinstance(rest.get("null"), str):
        rest["null"] = [rest["null"]]
    section = overlay(FieldSection(), rest, problems, where)
    if section.unit is not None and is_number:
        try:
            factor *= factor_to(name, section.unit, time.interval_minutes)
        except UnitError as error:
            problems.add(f"{where}.unit", str(error))
    comma = file.decimal_comma if section.decimal_comma is None else section.decimal_comma
    null = frozenset((*file.null, *section.null))
    return FieldRule(
        section.column, section.constant, factor, comma, null, values, section.other_values
    )


def _read_values(value: object, where: str, problems: Problems) -> Mapping[str, str] | None:
    if value is None:
        return None
    if not isinstance(value, dict) or not value:
        problems.add(where, 'must be a table of texts, such as { A = "ACTUAL" }')
        return None
    for key, word in value.items():
        if not isinstance(word, str):
            problems.add(join_path(where, key), f"must be a text, is {shown_value(word)}")
    return {key: word for key, word in value.items() if isinstance(word, str)}


def _read_multiplier(value: object, where: str, problems: Problems) -> Fraction:
    """Return a multiplier as the decimal number that was written, not its nearest float."""
    # NaN fails every comparison; true is an int to Python.
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not 0 < abs(value) <= _MULTIPLIER_MAX
    ):
        problems.add(where, f"must be a number, not 0 and up to 1e12, is {shown_value(value)}")
        return Fraction(1)
    return Fraction(str(value))
