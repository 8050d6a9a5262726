"""The ILP sink: rows as InfluxDB line protocol, over HTTP (acknowledged) or TCP (not)."""

from utility_ts_analytics.sinks.ilp.sink import IlpSink, ilp_over_http, ilp_over_tcp

__all__ = ["IlpSink", "ilp_over_http", "ilp_over_tcp"]
