"""Files of readings of every kind, as columns of a stream, in bounded memory.

NDJSON without a mapping is read by the server's own decoder: it needs no columns.
"""

from utility_ts_analytics.ingest.sources.contract import Refused, Source, SourceBlock
from utility_ts_analytics.ingest.sources.open import open_source

__all__ = ["Refused", "Source", "SourceBlock", "open_source"]
