"""How a foreign file's columns become a stream's: a small TOML file, and what it does to columns.

`docs/MAPPINGS.md` has each key in a sentence; `mappings/` has examples.
"""

from utility_ts_analytics.ingest.mapping.load import load_mapping
from utility_ts_analytics.ingest.mapping.model import FileMapping

__all__ = ["FileMapping", "load_mapping"]
