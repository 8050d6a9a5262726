"""SQL for the energy balance of feeders: what went in, what was taken, what is lost on the way.

Everything counts as of its own time: which feeder a meter or plant is on, what a register's kWh are
worth, who is out of service. What is missing stays missing: a null, never a zero.
"""

from collections.abc import Iterable, Mapping, Sequence

from utility_ts_analytics.queries.balance_intervals import Intervals, ReadingLengths
from utility_ts_analytics.queries.feeder_facts import (
    HEAD,
    HEAD_DUE,
    METER,
    METER_DUE,
    PLANT,
    PLANT_DUE,
    SCALE,
    TOPOLOGY,
    head_due_sql,
    head_sql,
    meter_due_sql,
    meter_sql,
    plant_due_sql,
    plant_sql,
    scale_sql,
    topology_sql,
)
from utility_ts_analytics.queries.feeder_scope import Scope
from utility_ts_analytics.queries.saved import SAMPLE_WEEK, SavedQuery, notes_of
from utility_ts_analytics.queries.time_range import TimeRange

_MINUTES_OF_EVENTS = 15


def feeder_balance_sql(
    time_range: TimeRange,
    intervals: Intervals = Intervals(),  # noqa: B008 - frozen
    *,
    feeders: Iterable[str] = (),
    heads: Mapping[str, Sequence[str]] | None = None,
    lengths: ReadingLengths = ReadingLengths(),  # noqa: B008 - frozen
) -> str:
    """Return the query for the energy balance of each feeder and interval.

    Result columns, one row per interval and feeder, ordered by `ts`, `feeder_id`; also where
    nothing was measured, as long as a meter or plant is mapped to the feeder then, or its head has
    measured within the last 31 days:

    - `ts`, `feeder_id`, `interval_minutes`: start of the interval, UTC, and its length.
    - `supplied_kwh`: energy through the head, mean power * hours; below 0 where the feeder feeds
      back. Null unless every reading of the interval is there, and where two or more nodes have
      measured active power on the feeder and nobody said which is its head.
    - `generation_kwh`: of the plants on it; 0 without any; null unless each one in service is known
      throughout. A row of a plant as a whole counts instead of rows of its units.
    - `demand_kwh`: of the meters on it, scaled; below 0 where they feed in more than they draw.
      Missing readings are not made up for. Null where no reading is there, or none is due.
    - `loss_kwh`: supplied + generation - demand; null where one of them is.
    - `loss_pct`: of supplied + generation, percent; null where that is not above 0.
    - `coverage_pct`: readings there of those due, percent; null where none is due. Due is one per
      meter that is mapped to the feeder and not out of service, at the start of each length.
    - `estimated_pct`: readings with an estimated value of those there, percent; null without any.
    - `expected_readings`, `present_readings`, `estimated_readings`: the counts behind these.
    - `head_nodes_unclear`: true where nobody knows which node is the head.
    - `plants_missing`: true where a plant in service is not known throughout.
    - `topology_events`: events of the interval that touch the feeder.
    - `scale_changed`: true where a scale factor of a meter on the feeder starts or ends in the
      interval or the 7 days before.

    Args:
        time_range: Whole intervals.
        intervals: Length of one, and the zone of days.
        feeders: Only these; none means all.
        heads: Nodes at the head of a feeder, by feeder, at least one each; their powers are added.
        lengths: Of readings.

    Raises:
        ValueError: The range, interval and lengths do not fit, `feeders` or nodes are one text or a
            list without a name, or a name holds a character that QuestDB cannot take.
    """
    intervals.check(time_range)
    lengths.check(intervals)
    scope = Scope.of(time_range, feeders, heads or {})
    return _balance_sql(_facts_sql(scope, lengths), intervals, scope)


def _facts_sql(scope: Scope, lengths: ReadingLengths) -> str:
    """Put everything that is known below each other."""
    return "\nUNION ALL\n".join(
        f"({part})"
        for part in (
            meter_sql(scope, lengths.meters),
            meter_due_sql(scope, lengths.meters),
            head_sql(scope, lengths.heads),
            head_due_sql(scope, lengths.heads),
            plant_sql(scope, lengths.plants),
            plant_due_sql(scope, lengths.plants),
            topology_sql(scope),
            scale_sql(scope, _MINUTES_OF_EVENTS),
        )
    )


def _balance_sql(facts: str, intervals: Intervals, scope: Scope) -> str:
    """Draw the balance of the sums of each interval."""
    put_in = "(supplied_kwh + generation_kwh)"
    loss = f"({put_in} - demand_kwh)"
    return (
        f"SELECT ts, feeder_id, {intervals.minutes_sql('ts')} AS interval_minutes,"
        " supplied_kwh, generation_kwh, demand_kwh,\n"
        f"{loss} AS loss_kwh, CASE WHEN {put_in} > 0 THEN 100.0 * {loss} / {put_in} END"
        " AS loss_pct,\n"
        "CASE WHEN expected_readings > 0 THEN 100.0 * present_readings / expected_readings END"
        " AS coverage_pct,\n"
        "CASE WHEN present_readings > 0 THEN 100.0 * estimated_readings / present_readings END"
        " AS estimated_pct,\n"
        "expected_readings, present_readings, estimated_readings, head_nodes_unclear,"
        " plants_missing, topology_events, scale_changed\n"
        f"FROM (\n{_interval_sums(facts, intervals, scope)}\n)\n"
        "ORDER BY ts, feeder_id"
    )


def _interval_sums(facts: str, intervals: Intervals, scope: Scope) -> str:
    """Add up the facts of each interval, and leave out what is not all there."""

    def total(kind: int, column: str = "n") -> str:
        return f"sum(CASE WHEN kind = {kind} THEN {column} END)"

    sums = {
        "head_kwh": total(HEAD, "kwh"),
        "head_there": f"coalesce({total(HEAD)}, 0)",
        "head_due": f"coalesce({total(HEAD_DUE)}, 0)",
        "head_unclear": f"coalesce({total(HEAD_DUE, 'm')}, 0)",
        "plant_kwh": total(PLANT, "kwh"),
        "plant_there": f"coalesce({total(PLANT)}, 0)",
        "plant_due": f"coalesce({total(PLANT_DUE)}, 0)",
        "plant_ever": f"sum(CASE WHEN kind IN ({PLANT}, {PLANT_DUE}) THEN 1 ELSE 0 END)",
        "meter_kwh": total(METER, "kwh"),
        "meter_there": f"coalesce({total(METER)}, 0)",
        "meter_estimated": f"coalesce({total(METER, 'm')}, 0)",
        "meter_due": f"coalesce({total(METER_DUE)}, 0)",
        "topology": f"coalesce({total(TOPOLOGY)}, 0)",
        "scales": f"coalesce({total(SCALE)}, 0)",
        "things": f"sum(CASE WHEN kind IN ({TOPOLOGY}, {SCALE}) THEN 0 ELSE 1 END)",
    }
    columns = ", ".join(f"{formula} AS {name}" for name, formula in sums.items())
    return (
        "SELECT ts, feeder_id,\n"
        "CASE WHEN head_due > 0 AND head_unclear = 0 AND head_there >= head_due"
        " THEN head_kwh END AS supplied_kwh,\n"
        "CASE WHEN plant_ever = 0 THEN 0.0 WHEN plant_there >= plant_due"
        " THEN coalesce(plant_kwh, 0.0) END AS generation_kwh,\n"
        "CASE WHEN meter_due > 0 THEN meter_kwh END AS demand_kwh,\n"
        "meter_due AS expected_readings, meter_there AS present_readings,"
        " meter_estimated AS estimated_readings, head_unclear > 0 AS head_nodes_unclear,"
        " plant_there < plant_due AS plants_missing, topology AS topology_events,"
        " scales > 0 AS scale_changed\n"
        "FROM (\n"
        f"SELECT {intervals.start_sql('ts')} AS ts, feeder_id, {columns}\n"
        f"FROM (\n{facts}\n)\n"
        f"WHERE feeder_id IS NOT NULL{scope.only('feeder_id')}\n"
        f"GROUP BY {intervals.start_sql('ts')}, feeder_id\n"
        ")\n"
        "WHERE things > 0"
    )


SAVED = (
    SavedQuery(
        "feeder_balance",
        "What goes into each feeder in every quarter of an hour, what is taken, what is lost?",
        feeder_balance_sql(SAMPLE_WEEK),
        notes_of(feeder_balance_sql),
    ),
)
