"""The value types that every stream's record is made of."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

TEXT_CHARACTERS_MAX = 256
"""Longest text in any field, in Unicode code points (CONTRACT section 3)."""

Timestamp = Annotated[datetime, Meta(tz=True)]
"""RFC 3339 with an offset; kept in whole microseconds (further digits are rounded)."""

Identifier = Annotated[str, Meta(min_length=1, max_length=TEXT_CHARACTERS_MAX)]
Text = Annotated[str, Meta(max_length=TEXT_CHARACTERS_MAX)]
NonNegative = Annotated[float, Meta(ge=0.0)]


class Reading(Struct, gc=False, omit_defaults=True, kw_only=True):
    """One reading of any stream.

    Mutable only for `event_id`, which `records.event_id` fills in before the row leaves
    `reading`; after that, whoever holds the row must not change it.

    Attributes:
        ts: Start of the interval. Always has a zone; any offset, compared and stored as UTC.
        event_id: Canonical UUID text once decoded; before that what the client sent, or None.
    """

    ts: Timestamp
    event_id: Text | None = None
