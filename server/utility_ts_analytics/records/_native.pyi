"""What `server/native/` compiles to. Both functions hold the GIL: give them a block, not a file."""

from collections.abc import Callable, Sequence

from utility_ts_analytics.records.reading import Reading

def derive_event_ids(
    rows: Sequence[Reading], seed: int, digest: Callable[[bytes, int], bytes], /
) -> list[Reading]:
    """Set `event_id` of every row that has none, as `records.event_id` describes it.

    Args:
        rows: All of one type.
        seed: Of the hash, >= 0.
        digest: XXH3-128 with a seed, for contents of unusual size.

    Returns:
        The rows that have one already, untouched, in order.

    Raises:
        TypeError: The rows are of different types, or not records of msgspec.
        ValueError: A `ts` has no zone or is before 1970.
    """

def ilp_lines(rows: Sequence[Reading], table: bytes, /) -> bytes:
    """Return one ILP line per row, as the QuestDB client's `Buffer.row` writes it.

    Args:
        rows: All of one type, at least one field beside `ts` set in each.
        table: Name of the table, escaped as ILP wants it.

    Raises:
        TypeError: The rows are of different types, or hold what has no place in a line.
        ValueError: A `ts` has no zone or is before 1970.
    """
