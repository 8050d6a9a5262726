"""Store and forward: rows that wait on this machine's disk while the database is away.

    <dir>/<stream>.1.sqlite3      the rows, in the order in which they were accepted; beside it
                                  SQLite's write-ahead log (-wal) and the index of that (-shm)
    <dir>/<stream>.lock           held for each step: one process at a time touches the database
    <dir>/<stream>.deliverer      held by the one lane that delivers, until its process ends
    <dir>/<stream>-1.damaged      a database, or a single record, that could not be read

One database per stream, for all workers and generations of the service. Files are 0600, a folder
made here is 0700: readings are personal data. Decision 0024 has the reasons.
"""

from utility_ts_analytics.delivery.spool.record import Appended, Record, SpoolBroken, SpoolFull
from utility_ts_analytics.delivery.spool.spool import Spool

__all__ = ["Appended", "Record", "Spool", "SpoolBroken", "SpoolFull"]
