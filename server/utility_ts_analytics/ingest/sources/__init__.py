"""Files of readings of every kind, as columns of a stream, in bounded memory.

NDJSON without a mapping is read by the server's own decoder: it needs no columns.
"""

from utility_ts_analytics.ingest.sources.contract import FileKind, Refused, Source, SourceBlock
from utility_ts_analytics.ingest.sources.kinds import kind_of
from utility_ts_analytics.ingest.sources.open import open_source

__all__ = ["FileKind", "Refused", "Source", "SourceBlock", "kind_of", "open_source"]
