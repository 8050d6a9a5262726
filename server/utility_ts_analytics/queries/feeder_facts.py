"""What was measured on each feeder, and what should have been: parts of SQL text for its balance.

Every function returns a query with the same columns, one row per feeder and *slot* (the length of
one reading, which starts at a whole multiple of it in UTC), so that they can be put one below the
other and added up:

- `ts`, `feeder_id`: the slot and the feeder.
- `kind`: one of the constants below.
- `kwh`: energy; null where there is none to tell.
- `n`: how many, as the function says; 0 where it says nothing.
- `m`: another count, likewise.

Reference rows hold as of the start of a reading or slot (`queries.reference_versions`).
"""

from datetime import timedelta

from utility_ts_analytics.queries.feeder_scope import (
    METERS,
    PLANTS,
    Scope,
    on_feeders,
    slots_sql,
    spans_sql,
    starts_slot,
)
from utility_ts_analytics.queries.literals import quote_text, quote_texts, quote_timestamp
from utility_ts_analytics.queries.quality import ESTIMATED_FLAGS
from utility_ts_analytics.queries.reference_versions import (
    SCALED_KWH,
    in_service,
    scale_join,
    valid,
    versions,
)

HEAD, HEAD_DUE, PLANT, PLANT_DUE, METER, METER_DUE, TOPOLOGY, SCALE = range(8)
"""Kinds of rows."""

HEAD_LOOK_BACK = timedelta(days=31)
"""So long a node that has measured counts as the head of its feeder, or as one of several."""

SCALE_LOOK_BACK = timedelta(days=7)
"""So long a new scale factor is remembered as a possible cause."""


def head_sql(scope: Scope, minutes: int) -> str:
    """Return energy through the head; `n`: nodes that tell it."""
    # Not CASE lower(unit) WHEN ..: QuestDB 9.3.4 takes that for a condition, and refuses it.
    kw = (
        "value * CASE WHEN lower(unit) = 'mw' THEN 1000.0 WHEN lower(unit) = 'kw' THEN 1.0"
        " WHEN lower(unit) = 'w' THEN 0.001 END"
    )
    return (
        f"SELECT ts, feeder_id, {HEAD} AS kind, sum(kw) * {minutes / 60!r} AS kwh,"
        " count(kw) AS n, 0L AS m\n"
        "FROM (\n"
        f"SELECT ts, feeder_id, node_id, avg(kw) AS kw\n"
        f"FROM (SELECT ts, feeder_id, node_id, {kw} AS kw FROM network_measurements"
        f" WHERE {scope.time_range.covers_sql('ts')} AND {_at_a_head(scope)})\n"
        f"SAMPLE BY {minutes}m ALIGN TO CALENDAR\n"
        ")\n"
        "GROUP BY ts, feeder_id"
    )


def head_due_sql(scope: Scope, minutes: int) -> str:
    """Return, for feeders with a head; `n`: nodes that owe a value; `m`: 1 if there are too many.

    Too many are two or more that nobody has named: which is the head, nobody knows.
    """
    start = quote_timestamp(scope.time_range.start - HEAD_LOOK_BACK)
    end = quote_timestamp(scope.time_range.end)
    unnamed = f" AND feeder_id NOT IN ({quote_texts(scope.heads, 'heads')})" if scope.heads else ""
    found = (
        "SELECT feeder_id, count() AS n, CASE WHEN count() > 1 THEN 1L ELSE 0L END AS m\n"
        "FROM (SELECT DISTINCT feeder_id, node_id FROM network_measurements"
        f" WHERE ts >= {start} AND ts < {end} AND quantity = 'active_power'"
        f" AND feeder_id IS NOT NULL{unnamed}{scope.only('feeder_id')})\n"
        "GROUP BY feeder_id"
    )
    named = "".join(
        f"\nUNION ALL\n(SELECT {quote_text(feeder)} AS feeder_id, {len(nodes)}L AS n, 0L AS m"
        " FROM long_sequence(1))"
        for feeder, nodes in scope.heads.items()
    )
    return (
        f"SELECT s.ts AS ts, h.feeder_id AS feeder_id, {HEAD_DUE} AS kind, null::double AS kwh,"
        " h.n AS n, h.m AS m\n"
        f"FROM {slots_sql(scope.time_range, minutes)} s\n"
        f"CROSS JOIN (({found}){named}) h"
    )


def plant_sql(scope: Scope, minutes: int) -> str:
    """Return energy of the plants on a feeder; `n`: plants in service of which all is known.

    A row of the plant as a whole (`unit_id` null) stands for all of it, and rows of its units
    beside it are not added. Without one, all is known where there are rows of as many units as
    `plants.units` says (or any, if it says nothing).
    """
    slots = (
        "(SELECT ts, plant_id, sum(CASE WHEN unit_id IS NULL THEN mw END) AS whole,"
        " sum(CASE WHEN unit_id IS NOT NULL THEN mw END) AS parts, count(unit_id) AS units\n"
        "FROM (SELECT ts, plant_id, unit_id, avg(mw) AS mw FROM generation_output"
        f" WHERE {scope.time_range.covers_sql('ts')} AND mw IS NOT NULL"
        f" SAMPLE BY {minutes}m ALIGN TO CALENDAR)\n"
        "GROUP BY ts, plant_id)"
    )
    known = "(mu.whole IS NOT NULL OR mu.units >= coalesce(p.units, 1))"
    return (
        f"SELECT mu.ts AS ts, pfm.feeder_id AS feeder_id, {PLANT} AS kind,"
        f" sum(coalesce(mu.whole, mu.parts)) * {1000.0 * minutes / 60!r} AS kwh,"
        f" sum(CASE WHEN {known} AND {in_service('p.status')} THEN 1 ELSE 0 END) AS n, 0L AS m\n"
        f"FROM {slots} mu\n"
        f"JOIN {on_feeders('plant_feeder_map', 'plant_id', scope)} pfm"
        f" ON pfm.plant_id = mu.plant_id AND {valid('pfm', ends=True)}\n"
        f"LEFT JOIN {versions('plants', 'plant_id', 'units, status')} p"
        f" ON p.plant_id = mu.plant_id AND {valid('p')}\n"
        "GROUP BY ts, feeder_id"
    )


def meter_sql(scope: Scope, minutes: int) -> str:
    """Return scaled energy of the meters on a feeder; `n`: meters in service that were read.

    Read is one with a reading that starts with the slot: finer ones stand for no other meter's.
    `m`: of those, the ones whose reading is estimated.
    """
    estimated = f"upper(mu.quality_flag) IN ({quote_texts(ESTIMATED_FLAGS, 'flags')})"
    # Not count_distinct: QuestDB 9.3.4 keeps its sets on the Java heap, and 4.8 million readings
    # were too much for 256 MiB. A key of the table is (ts, meter_id), so those are distinct.
    counts = f"out.meter_id IS NULL AND mu.kwh IS NOT NULL AND {starts_slot('mu.ts', minutes)}"
    out = (
        "(SELECT meter_id, valid_from, next_from FROM"
        f" {versions('meters', 'meter_id', 'status')} WHERE NOT {in_service('status')})"
    )
    return (
        f"SELECT mu.ts AS ts, mfm.feeder_id AS feeder_id, {METER} AS kind,"
        f" sum({SCALED_KWH}) AS kwh,"
        f" sum(CASE WHEN {counts} THEN 1L ELSE 0L END) AS n,"
        f" sum(CASE WHEN {counts} AND {estimated} THEN 1L ELSE 0L END) AS m\n"
        "FROM meter_usage mu\n"
        f"JOIN {on_feeders('meter_feeder_map', 'meter_id', scope)} mfm"
        f" ON mfm.meter_id = mu.meter_id AND {valid('mfm', ends=True)}\n"
        f"{scale_join()}"
        f"LEFT JOIN {out} out ON out.meter_id = mu.meter_id AND {valid('out')}\n"
        f"WHERE {scope.time_range.covers_sql('mu.ts')}\n"
        f"SAMPLE BY {minutes}m ALIGN TO CALENDAR"
    )


def plant_due_sql(scope: Scope, minutes: int) -> str:
    """Return, for feeders with plants; `n`: plants in service on it."""
    return _due_sql(scope, minutes, PLANT_DUE, PLANTS)


def meter_due_sql(scope: Scope, minutes: int) -> str:
    """Return, for feeders with meters; `n`: meters in service on it."""
    return _due_sql(scope, minutes, METER_DUE, METERS)


def topology_sql(scope: Scope) -> str:
    """Return events that touch a feeder, at their own time; `n`: how many."""
    covered = scope.time_range.covers_sql("ts")
    touched = {
        "from_feeder_id": "from_feeder_id IS NOT NULL",
        "to_feeder_id": "to_feeder_id IS NOT NULL AND to_feeder_id != from_feeder_id",
        "element_id": (
            "element_type = 'feeder' AND element_id != from_feeder_id"
            " AND element_id != to_feeder_id"
        ),
    }
    return "\nUNION ALL\n".join(
        f"(SELECT ts, {column} AS feeder_id, {TOPOLOGY} AS kind, null::double AS kwh,"
        f" 1L AS n, 0L AS m FROM topology_events WHERE {covered} AND {condition})"
        for column, condition in touched.items()
    )


def scale_sql(scope: Scope, minutes: int) -> str:
    """Return slots in or up to a week after which a meter's scale factor starts or ends; `n`: 1."""
    since = quote_timestamp(scope.time_range.start - SCALE_LOOK_BACK)
    end = quote_timestamp(scope.time_range.end)
    changes = " UNION ALL ".join(
        f"(SELECT meter_id, {column} AS ts FROM meter_scale_map"
        f" WHERE {column} >= {since} AND {column} < {end})"
        for column in ("valid_from", "valid_to")
    )
    feeders = (
        f"(SELECT DISTINCT mfm.feeder_id AS feeder_id, mu.ts AS ts FROM ({changes}) mu"
        f" JOIN {on_feeders('meter_feeder_map', 'meter_id', scope)} mfm"
        f" ON mfm.meter_id = mu.meter_id AND {valid('mfm', ends=True)})"
    )
    days = SCALE_LOOK_BACK.days
    return (
        f"SELECT s.ts AS ts, c.feeder_id AS feeder_id, {SCALE} AS kind, null::double AS kwh,"
        " 1L AS n, 0L AS m\n"
        f"FROM {slots_sql(scope.time_range, minutes)} s\n"
        f"CROSS JOIN {feeders} c\n"
        f"WHERE c.ts < dateadd('m', {minutes}, s.ts) AND c.ts >= dateadd('d', -{days}, s.ts)"
    )


def _due_sql(scope: Scope, minutes: int, kind: int, tables: tuple[str, str, str]) -> str:
    """Count what is mapped, minus what is mapped and out of service, slot by slot.

    Versions that hold for the same part of the range are one row before they meet the slots:
    usually one per feeder.
    """
    counts = (
        f"(SELECT feeder_id, since, until, sum(n) AS n FROM {spans_sql(scope, tables)}"
        " GROUP BY feeder_id, since, until)"
    )
    return (
        f"SELECT s.ts AS ts, d.feeder_id AS feeder_id, {kind} AS kind, null::double AS kwh,"
        " d.n AS n, 0L AS m\n"
        f"FROM {slots_sql(scope.time_range, minutes)} s\n"
        f"CROSS JOIN {counts} d\n"
        "WHERE s.ts >= d.since AND s.ts < d.until"
    )


def _at_a_head(scope: Scope) -> str:
    """Return the condition that a row of `network_measurements` may tell of a feeder's head."""
    named = [
        f"(feeder_id = {quote_text(feeder)} AND node_id IN ({quote_texts(nodes, 'nodes')}))"
        for feeder, nodes in scope.heads.items()
    ]
    condition = f"quantity = 'active_power' AND feeder_id IS NOT NULL{scope.only('feeder_id')}"
    if named:
        named.append(f"feeder_id NOT IN ({quote_texts(scope.heads, 'heads')})")
        condition += f" AND ({' OR '.join(named)})"
    return condition
