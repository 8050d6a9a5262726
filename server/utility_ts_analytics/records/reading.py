"""What every record type is made of, and what its annotations demand of each field, as data.

The decoder reads the annotations itself; code that checks values from other sources than JSON reads
them through `fields_of`.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

TEXT_CHARACTERS_MAX = 256
"""Longest text in any field, in Unicode code points (CONTRACT section 3)."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

Timestamp = Annotated[datetime, Meta(tz=True)]
"""RFC 3339 with an offset; kept in whole microseconds (further digits are rounded)."""

Identifier = Annotated[str, Meta(min_length=1, max_length=TEXT_CHARACTERS_MAX)]
Text = Annotated[str, Meta(max_length=TEXT_CHARACTERS_MAX)]
NonNegative = Annotated[float, Meta(ge=0.0)]
"""A number that may be negative only where the source sets `allow_negative`."""

Kind = Literal["instant", "text", "number"]

NATIVE_KINDS: Final[Mapping[Kind, Literal["t", "s", "d"]]] = {
    "instant": "t",
    "text": "s",
    "number": "d",
}
"""As compiled code names them (`records._native`)."""


class Reading(Struct, gc=False, omit_defaults=True, kw_only=True):
    """One reading of any stream.

    Mutable only for `event_id`, which `records.event_id` sets before the row leaves `reading`.
    Nobody changes a row after that.

    Attributes:
        ts: Start of the interval. Always has a zone; any offset, compared and stored as UTC.
        event_id: Canonical UUID text once decoded; before that what the client sent, or None.
    """

    ts: Timestamp
    event_id: Text | None = None


def microseconds_of(instant: datetime) -> int:
    """Return whole microseconds from 1970-01-01 UTC to an instant with a zone."""
    return (instant - EPOCH) // _MICROSECOND


@dataclass(frozen=True, slots=True)
class FieldRules:
    """The rules of one field.

    Attributes:
        name: Name of the field.
        kind: Kind of its values.
        is_required: Whether every record must have it.
        is_identifier: Whether its text must not be empty.
        characters_max: Longest text, in Unicode code points; 0 for other kinds.
        is_signed: Whether its number may be negative; True for other kinds.
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
        AssertionError: A field has a type that no stream has so far.
    """
    match msgspec.inspect.type_info(record_type):
        case msgspec.inspect.StructType(fields=fields):
            return tuple(map(_rules, fields))
        case _:
            raise AssertionError("a record is a struct")


def signed_type_of(record_type: type[Reading]) -> type[Reading]:
    """Return the record type for `allow_negative`: the same fields, their numbers of either sign.

    Returns:
        A subclass called `Signed<record type>`.
    """
    fields = [
        (field.name, float) if field.is_required else (field.name, float | None, None)
        for field in fields_of(record_type)
        if not field.is_signed
    ]
    return msgspec.defstruct(  # type: ignore[return-value]  # its base is a `Reading`
        f"Signed{record_type.__name__}",
        fields,
        bases=(record_type,),
        module=record_type.__module__,
        gc=False,
        omit_defaults=True,
        kw_only=True,
    )


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
