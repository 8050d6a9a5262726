"""Lines to checked rows: the reader and the rules of the HTTP edge, block by block."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from utility_ts_analytics.clock import Clock
from utility_ts_analytics.config import SourceConfig
from utility_ts_analytics.reading.line_errors import over_long
from utility_ts_analytics.reading.lines import LineBlock, LineSplitter, LongLine
from utility_ts_analytics.reading.ndjson import Decoded, NdjsonDecoder
from utility_ts_analytics.records.encoded import JsonEncoder
from utility_ts_analytics.records.streams import StreamSpec
from utility_ts_analytics.records.validation import latest_ts


@dataclass(frozen=True, slots=True)
class Undecoded:
    """Some lines, not decoded yet: rows take three times the memory of their lines.

    Attributes:
        rows_max: Most rows that they can hold.
        size_bytes: Of the lines.
        decode: Returns their rows and errors.
    """

    rows_max: int
    size_bytes: int
    decode: Callable[[], Decoded]


class Rules:
    """The rules of one stream, as its `[<stream>.source]` sets them for posts.

    Args:
        spec: The stream.
        source: Of the stream.
        clock: For the latest time of a reading.
        encode: Of the table, if rows go there as ILP lines.
    """

    def __init__(
        self, spec: StreamSpec, source: SourceConfig, clock: Clock, encode: JsonEncoder | None
    ) -> None:
        record_type = spec.type_for(allow_negative=source.allow_negative)
        self._decoder = NdjsonDecoder(spec, record_type, encode)
        self._source = source
        self._clock = clock

    def blocks(self, lines: bytes) -> Iterator[Undecoded]:
        """Yield lines in order, in blocks of about a millisecond of work."""
        splitter = LineSplitter(self._source.max_line_bytes)
        for part in splitter.feed(lines):
            yield self._undecoded(part)

    def _undecoded(self, part: LineBlock | LongLine) -> Undecoded:
        if isinstance(part, LongLine):
            error = over_long(part, self._source.max_line_bytes)
            return Undecoded(0, 0, lambda: Decoded.of_error(error))
        ts_end = latest_ts(self._clock.wall_ns(), self._source.max_future_minutes)
        decode = partial(self._decoder.decode, part, ts_end=ts_end)
        return Undecoded(part.rows_max, len(part.data), decode)
