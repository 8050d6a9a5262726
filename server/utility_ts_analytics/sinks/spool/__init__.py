"""Store and forward: rows that wait on this machine's disk while the database is away.

    <dir>/<stream>/<owner>/0000000001.spool    segments, append-only (`record` has the format)
    <dir>/<stream>/<owner>/checkpoint          how far they are delivered
    <dir>/<stream>/<owner>-0000000001.damaged  segments in which something had to be skipped

Each spool owns one directory, and no two processes ever write to the same file. When its owner has
died, any spool of the same stream takes the directory over. Directories are 0700 and files 0600:
readings are personal data. Decision 0008 has the reasons.
"""

from utility_ts_analytics.sinks.spool.spool import Spool
from utility_ts_analytics.sinks.spool.store import Appended, SpoolBroken, SpoolFull

__all__ = ["Appended", "Spool", "SpoolBroken", "SpoolFull"]
