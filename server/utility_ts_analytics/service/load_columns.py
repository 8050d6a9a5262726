"""Opens inputs whose readings come as columns. Needs what the package's extra `files` installs."""

from pathlib import Path

from utility_ts_analytics.config import Config
from utility_ts_analytics.ingest.column_pieces import ColumnFile, ColumnRules
from utility_ts_analytics.ingest.mapping import FileMapping, load_mapping
from utility_ts_analytics.ingest.pieces import Place
from utility_ts_analytics.ingest.sources import open_source
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.records.validation import latest_ts
from utility_ts_analytics.service.load_plan import LoadOptions
from utility_ts_analytics.sinks.ilp.columns import column_encoder

__all__ = ["ColumnOpening", "load_mapping"]


class ColumnOpening:
    """How such inputs are opened; the same for all of a load.

    Args:
        config: As of the server.
        options: What was asked for.
        mapping: Of the columns; None where they are named as the fields.
        wall_ns: The time, for `max_future_minutes`.
    """

    def __init__(
        self, config: Config, options: LoadOptions, mapping: FileMapping | None, *, wall_ns: int
    ) -> None:
        stream = config.streams[options.stream]
        spec = STREAMS[options.stream]
        self._mapping = mapping
        self._kind = options.kind
        self._line_bytes_max = stream.source.line_bytes_max
        self._rules = ColumnRules(
            spec=spec,
            key_field=spec.key_field,
            allow_negative=stream.source.allow_negative,
            ts_end=latest_ts(wall_ns, stream.source.future_minutes_max),
            encode=None if options.dry_run else column_encoder(stream.table, spec),
        )

    def open(self, path: Path, place: Place) -> ColumnFile:
        """Open an input at a place.

        Raises:
            OperatorError: It cannot be opened.
        """
        source = open_source(
            path,
            spec=self._rules.spec,
            mapping=self._mapping,
            kind=self._kind,
            line_bytes_max=self._line_bytes_max,
        )
        return ColumnFile(source, self._rules, place)
