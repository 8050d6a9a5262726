"""What the status page is told of a request that did not go well: one note, without any value."""

from collections.abc import Sequence

from utility_ts_analytics.clock import Clock
from utility_ts_analytics.errors import ClientError
from utility_ts_analytics.records.validation import RowError
from utility_ts_analytics.telemetry.error_notes import ErrorNote
from utility_ts_analytics.telemetry.measures import Measures


def note_error(
    measures: Measures, rows: Sequence[RowError], error: ClientError | None, clock: Clock
) -> None:
    """Note the first bad row of a request, or else what ended it, if anything did.

    Published with whatever is counted next, at the latest with the next beat.

    Args:
        measures: Where to.
        rows: Bad rows in order.
        error: What the request was answered with.
        clock: For the time.
    """
    if rows:
        first = rows[0]
        measures.errors.add(
            ErrorNote(clock.wall_ns(), first.code, first.position, first.field or "")
        )
    elif error is not None:
        measures.errors.add(ErrorNote(clock.wall_ns(), error.code))
