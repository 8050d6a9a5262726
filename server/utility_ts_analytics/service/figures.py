"""What a scrape shows: the books of all workers, and what the operations server knows itself."""

from collections.abc import Mapping, Sequence

from utility_ts_analytics import __version__
from utility_ts_analytics.database.health import QuestDBHealth
from utility_ts_analytics.service.beacon import STATE_NAMES, Sign
from utility_ts_analytics.service.departed import Books
from utility_ts_analytics.telemetry import registry
from utility_ts_analytics.telemetry.exposition import Figures, Samples
from utility_ts_analytics.telemetry.log_stream import DROPS


def scrape_figures(
    books: Books, streams: Sequence[str], health: QuestDBHealth, *, ready: bool
) -> Figures:
    """Return everything that a scrape shows. Pure but for asking which workers are alive.

    Args:
        books: Of all workers.
        streams: Their names.
        health: Of the last look at QuestDB.
        ready: Whether readings are being stored.
    """
    alive = [sign for sign in books.signs if sign.alive]
    by_token = [
        (stream, token, numbers)
        for stream in streams
        for token, numbers in books.by_token(stream).items()
    ]
    found: Mapping[str, Samples] = {
        registry.WORKERS.name: _workers(alive, streams),
        registry.QUESTDB_UP.name: {(): float(health.up)},
        registry.TABLE_SUSPENDED.name: {
            (name,): float(table.suspended) for name, table in health.tables.items()
        },
        registry.TABLE_WAL_LAG.name: {
            (name,): float(table.wal_lag_transactions) for name, table in health.tables.items()
        },
        registry.REQUESTS_BY_TOKEN.name: {
            (stream, token): float(numbers.requests) for stream, token, numbers in by_token
        },
        registry.ROWS_BY_TOKEN.name: {
            (stream, token): float(numbers.rows) for stream, token, numbers in by_token
        },
        registry.READY.name: {(): float(ready)},
        registry.LOG_LINES_DROPPED.name: {(): float(DROPS.total)},
        registry.BUILD_INFO.name: {(__version__,): 1.0},
    }
    return Figures({name: books.of(name) for name in streams}, found)


def _workers(alive: Sequence[Sign], streams: Sequence[str]) -> Samples:
    said = [(sign.stream, STATE_NAMES[sign.state]) for sign in alive]
    return {(name, state): said.count((name, state)) for name in streams for state in STATE_NAMES}
