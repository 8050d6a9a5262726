"""What the annotations of a record type demand of each field, as data.

The decoder reads them by itself; whoever checks values that do not come as JSON reads them here.
"""

import functools
from dataclasses import dataclass
from typing import Literal

import msgspec

from utility_ts_analytics.records.reading import Reading

Kind = Literal["instant", "text", "number"]


@dataclass(frozen=True, slots=True)
class FieldRules:
    """One field.

    Attributes:
        name: Of the field.
        kind: What its values are.
        is_required: Whether it must be there.
        is_identifier: Whether its text must not be empty.
        characters_max: Longest text, in Unicode code points; 0 where it is no text.
        is_signed: Whether its number may be negative; True where it is no number.
    """

    name: str
    kind: Kind
    is_required: bool = False
    is_identifier: bool = False
    characters_max: int = 0
    is_signed: bool = True


@functools.cache
def fields_of(record_type: type[Reading]) -> tuple[FieldRules, ...]:
    """Return the fields of a record type, in its order.

    Raises:
        AssertionError: A field is of a type that no stream has so far.
    """
    match msgspec.inspect.type_info(record_type):
        case msgspec.inspect.StructType(fields=fields):
            return tuple(map(_rules, fields))
        case _:
            raise AssertionError("a record is a struct")


def _rules(field: msgspec.inspect.Field) -> FieldRules:
    value = field.type
    if isinstance(value, msgspec.inspect.UnionType):  # with None
        value = value.types[0]
    match value:
        case msgspec.inspect.DateTimeType(tz=True):
            return FieldRules(field.name, "instant", field.required)
        case msgspec.inspect.StrType(min_length=0 | 1 | None as least, max_length=int(most)):
            return FieldRules(field.name, "text", field.required, bool(least), most)
        case msgspec.inspect.FloatType(ge=0.0 | None as least):
            is_signed = least is None
            return FieldRules(field.name, "number", field.required, is_signed=is_signed)
        case _:
            raise AssertionError(f"{field.name} is of a type that is not known here")
