"""Reference rows as of the time of a reading: parts of SQL text for the builders beside this.

A reading, which every text here calls `mu`, belongs to the version of a reference row with the
latest `valid_from` at or before its `ts`; a version with a `valid_to` ends there.

Each version is joined with the start of the next one, so that the versions of a key never overlap
and no reading is counted twice. (An ASOF JOIN finds the same rows, but took over 30 s for 1.4
million readings of 2,000 meters where this takes 1.4 s: QuestDB 9.3.4 looks for each reading's
version row by row.)
"""

from typing import Literal

from utility_ts_analytics.queries.literals import quote_texts

SCALED_KWH = "mu.kwh * coalesce(msm.scale_factor, 1.0)"
"""True energy of a reading, kWh, after `scale_join`; a meter without a factor counts as 1.0."""

OUT_OF_SERVICE = ("inactive", "removed", "retired")
"""Values of `status`, in any case, with which a meter or plant owes no readings."""


def scale_join(where: str = "") -> str:
    """Return the join that gives each reading its scale factor, as `msm`.

    Args:
        where: Such as ` WHERE meter_id = 'm-1'`: QuestDB does not carry a condition on `mu` over to
            the versions, so that it pays to say it twice.
    """
    factors = versions("meter_scale_map", "meter_id", "scale_factor, valid_to", where)
    return f"LEFT JOIN {factors} msm ON msm.meter_id = mu.meter_id AND {valid('msm', ends=True)}\n"


def feeder_join(kind: Literal["JOIN", "LEFT JOIN"] = "JOIN") -> str:
    """Return the join that gives each reading the feeder of its meter, as `f`.

    Args:
        kind: What becomes of readings of meters that are on none: left out, or kept with null.
    """
    feeders = versions("meter_feeder_map", "meter_id", "feeder_id, valid_to")
    return f"{kind} {feeders} f ON f.meter_id = mu.meter_id AND {valid('f', ends=True)}\n"


def customer_join(columns: str, kind: Literal["JOIN", "LEFT JOIN"] = "JOIN") -> str:
    """Return the joins that give each reading the customer of its meter, as `c`.

    Args:
        columns: Of `customers`, parted by commas.
        kind: What becomes of readings without a customer: left out, or kept with null.
    """
    return (
        f"{kind} {versions('meters', 'meter_id', 'customer_id')} m"
        f" ON m.meter_id = mu.meter_id AND {valid('m')}\n"
        f"{kind} {versions('customers', 'customer_id', columns)} c"
        f" ON c.customer_id = m.customer_id AND {valid('c')}\n"
    )


def versions(table: str, key: str, columns: str, where: str = "") -> str:
    """Return a sub-query: rows of a reference table, each with the start of its key's next one.

    Args:
        table: Has `valid_from`.
        key: Column whose versions follow each other.
        columns: Further columns, parted by commas.
        where: With a blank in front.
    """
    return (  # every part is a constant of a builder or was quoted by it
        f"(SELECT {key}, {columns}, valid_from,"  # noqa: S608
        f" lead(valid_from) OVER (PARTITION BY {key} ORDER BY valid_from) AS next_from"
        f" FROM {table}{where})"
    )


def valid(alias: str, *, ends: bool = False, at: str = "mu.ts") -> str:
    """Return the condition that a version holds at a time.

    Args:
        alias: Of a `versions` sub-query.
        ends: Whether it has a `valid_to` (exclusive; null still holds) that counts.
        at: The time.
    """
    condition = (
        f"{at} >= {alias}.valid_from AND ({alias}.next_from IS NULL OR {at} < {alias}.next_from)"
    )
    if ends:
        condition += f" AND ({alias}.valid_to IS NULL OR {at} < {alias}.valid_to)"
    return condition


def in_service(status: str) -> str:
    """Return the condition that a meter or plant owes readings: its status is none or another.

    Args:
        status: Column, with an alias where it needs one.
    """
    return f"({status} IS NULL OR lower({status}) NOT IN ({quote_texts(OUT_OF_SERVICE, 'states')}))"
