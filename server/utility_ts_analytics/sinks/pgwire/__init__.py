"""The pgwire sink: rows as INSERTs over the Postgres protocol, several times slower than ILP."""

from utility_ts_analytics.sinks.pgwire.sink import PgwireSink

__all__ = ["PgwireSink"]
