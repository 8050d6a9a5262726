"""Which feeders a question is about, and what is mapped to them: parts of SQL text."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from utility_ts_analytics.queries.literals import quote_texts, quote_timestamp
from utility_ts_analytics.queries.reference_versions import in_service, versions
from utility_ts_analytics.queries.time_range import TimeRange

METERS = ("meter_feeder_map", "meters", "meter_id")
PLANTS = ("plant_feeder_map", "plants", "plant_id")
"""Mapping, reference table and key."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What the facts are about.

    Attributes:
        time_range: Slots that start in it.
        feeders: Only these; empty means all.
        heads: Nodes at the head of a feeder, by feeder; their powers are added. For any other
            feeder it is the one node that has measured active power on it.
    """

    time_range: TimeRange
    feeders: Sequence[str] = ()
    heads: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, time_range: TimeRange, feeders: Iterable[str], heads: Mapping[str, Sequence[str]]
    ) -> "Scope":
        """Return a scope whose names are each a list.

        Raises:
            ValueError: A list is one text, or a feeder has no head node.
        """
        named = {name: _names(f"head nodes of {name!r}", nodes) for name, nodes in heads.items()}
        if empty := [feeder for feeder, nodes in named.items() if not nodes]:
            raise ValueError(f"cannot use no head for {empty[0]!r}: name at least one node")
        return cls(time_range, _names("feeders", feeders), named)

    def only(self, column: str) -> str:
        """Return the condition that `column` is one of the feeders, with AND in front."""
        if not self.feeders:
            return ""
        return f" AND {column} IN ({quote_texts(self.feeders, 'feeders')})"


def spans_sql(scope: Scope, tables: tuple[str, str, str]) -> str:
    """Return what is mapped, and (with `n` = -1) what of that is out of service.

    Columns: the key, `feeder_id`, `since`, `until` (exclusive, within the range), `n`.

    Args:
        scope: What it is about.
        tables: Mapping, reference table and key of both, such as `METERS`.
    """
    mapping, reference, key = tables
    start = f"{quote_timestamp(scope.time_range.start)}::timestamp"
    end = f"{quote_timestamp(scope.time_range.end)}::timestamp"
    mapped = on_feeders(mapping, key, scope)
    # least() and greatest() pass over nulls.
    return (
        f"(SELECT {key}, feeder_id, since, until, n FROM (\n"
        f"(SELECT x.{key} AS {key}, x.feeder_id AS feeder_id,"
        f" greatest(x.valid_from, {start}) AS since,"
        f" least(x.next_from, x.valid_to, {end}) AS until, 1L AS n FROM {mapped} x)\n"
        "UNION ALL\n"
        f"(SELECT x.{key} AS {key}, x.feeder_id AS feeder_id,"
        f" greatest(x.valid_from, o.valid_from, {start}) AS since,"
        f" least(x.next_from, x.valid_to, o.next_from, {end}) AS until, -1L AS n FROM {mapped} x"
        f" JOIN {versions(reference, key, 'status')} o ON o.{key} = x.{key}"
        f" WHERE NOT {in_service('o.status')})\n"
        ") WHERE since < until)"
    )


def on_feeders(mapping: str, key: str, scope: Scope) -> str:
    """Return the versions of a mapping that are on the feeders of the scope.

    Chosen after each version has met its next one, which may be on another feeder.
    """
    rows = versions(mapping, key, "feeder_id, valid_to")
    if not scope.feeders:
        return rows
    return (
        f"(SELECT {key}, feeder_id, valid_to, valid_from, next_from FROM {rows}"
        f" WHERE feeder_id IN ({quote_texts(scope.feeders, 'feeders')}))"
    )


def slots_sql(time_range: TimeRange, minutes: int) -> str:
    """Return the starts of all slots of the range, which must be one."""
    count = (time_range.end - time_range.start) // timedelta(minutes=minutes)
    start = quote_timestamp(time_range.start)
    return (
        f"(SELECT dateadd('m', {minutes} * (x::int - 1), {start}::timestamp) AS ts"
        f" FROM long_sequence({count}))"
    )


def starts_slot(column: str, minutes: int) -> str:
    """Return the condition that a slot starts at the TIMESTAMP `column`."""
    return f"{column} = timestamp_floor('{minutes}m', {column})"


def _names(what: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return distinct names in order; a text alone would be taken for its letters."""
    if isinstance(names, str):
        msg = f"cannot use {what}: give a list of names, not the one text {names!r}"
        raise ValueError(msg)  # noqa: TRY004 - one error class for every bad value, as documented
    return tuple(dict.fromkeys(names))
