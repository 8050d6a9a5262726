"""SQL for how late readings arrive: what QuestDB itself still knows of its commits.

No table holds a time of arrival. QuestDB's log of transactions does, one per commit, with the first
and last `ts` and the number of rows in it. So lateness is known between two bounds, per commit:

- No row of a commit is later than its oldest interval, none less late than its newest.
- Rows count as they were sent: one that is posted again is late again, though the table keeps one.
- **Only tables made by a server with `cairo.default.sequencer.part.txn.count` above 0** (setting
  `QDB_CAIRO_DEFAULT_SEQUENCER_PART_TXN_COUNT`; its default is 0) have the times and rows of each
  commit. Others have only the time of the commit: their commits are in the class `unknown`.
- Such a table keeps the commits of the part of its log that is being written: each time so many
  commits are full and applied, QuestDB's WAL purge (every 30 s) removes them. So the history is
  between 1 and so many commits long. It survives a restart; `first_commit` says where it begins.
- The time of a commit is QuestDB's clock; a row may have waited in the service before.
"""

from utility_ts_analytics.queries.saved import SavedQuery, notes_of
from utility_ts_analytics.queries.time_range import TimeRange

_MINUTE_US = 60_000_000
_CLASSES = (
    ("< 15 min", 15),
    ("< 1 h", 60),
    ("< 1 d", 1440),
    ("< 7 d", 7 * 1440),
)
"""Names, and the lateness, minutes, that a class ends before."""
_LATEST = ">= 7 d"
_UNKNOWN = "unknown"


def late_arrivals_sql(time_range: TimeRange | None = None, *, interval_minutes: int = 15) -> str:
    """Return the query for the lateness of the commits to `meter_usage`.

    Lateness = time of the commit - (`ts` + interval). One before the end of the interval counts
    as below 15 minutes.

    Result columns, one row per class of lateness, from `< 15 min` to `>= 7 d` and `unknown`, also
    where nothing is in it:

    - `lateness`: the class.
    - `commits`, `rows_sent`: commits whose every row lies in the class, and their rows. In
      `unknown`: commits of which QuestDB keeps no times; `rows_sent` is null then.
    - `commits_possible`, `rows_possible`: commits that may have rows in the class, by their oldest
      and newest interval, and all of their rows: the upper bound, as `rows_sent` is the lower.
    - `rows_sent_pct`, `rows_possible_pct`: 100 * that / rows of all commits that are known; null
      where there are none.
    - `first_commit`, `last_commit`: of those asked for that QuestDB still knows of, UTC; the same
      in each row; null if there is none.

    Rows of commits that lie in one class add up exactly; those of commits that span classes are
    possible in each class from their newest interval's to their oldest's.

    Args:
        time_range: Of the commits, not of the intervals; None for all that QuestDB still knows of.
        interval_minutes: Of the readings, 1..1440: a reading is there at the earliest when its
            interval has ended.

    Raises:
        ValueError: The interval is another.
    """
    if not 1 <= interval_minutes <= 1440:
        raise ValueError(f"cannot use an interval of {interval_minutes!r} minutes: give 1..1440")
    asked = "" if time_range is None else f" AND {time_range.covers_sql('timestamp')}"
    return (  # every part is a number, a constant or quoted
        "WITH commits AS (\n"  # noqa: S608
        f"SELECT timestamp AS at, rowCount AS row_count, {_class('maxTimestamp', interval_minutes)}"
        f" AS newest, {_class('minTimestamp', interval_minutes)} AS oldest\n"
        # What is not 0 changes the table, such as TRUNCATE.
        f"FROM wal_transactions('meter_usage') WHERE alterCommandType = 0{asked}\n"
        ")\n"
        f"SELECT {_name('class')} AS lateness, commits, rows_sent, commits_possible,"
        " rows_possible, CASE WHEN total > 0 THEN 100.0 * rows_sent / total END AS rows_sent_pct,"
        " CASE WHEN total > 0 THEN 100.0 * rows_possible / total END AS rows_possible_pct,"
        " first_commit, last_commit\n"
        "FROM (\n"
        f"SELECT n.class AS class, {_counts('c.newest = n.class AND c.oldest = n.class')},"
        f" {_counts('c.newest <= n.class AND c.oldest >= n.class', '_possible')},"
        " sum(c.row_count) AS total, min(c.at) AS first_commit, max(c.at) AS last_commit\n"
        f"FROM (SELECT x - 1 AS class, 1L AS one FROM long_sequence({len(_CLASSES) + 2})) n"
        " LEFT JOIN (SELECT *, 1L AS one FROM commits) c ON c.one = n.one\n"
        ")\n"
        "ORDER BY class"
    )


def _class(time: str, interval_minutes: int) -> str:
    """Return the class of an interval that starts at `time` and is committed at `timestamp`."""
    late = f"timestamp::long - {time}::long - {interval_minutes * _MINUTE_US}"
    whens = " ".join(
        f"WHEN {late} < {minutes * _MINUTE_US} THEN {index}L"
        for index, (_, minutes) in enumerate(_CLASSES)
    )
    known = len(_CLASSES)
    return f"CASE WHEN {time} IS NULL THEN {known + 1}L {whens} ELSE {known}L END"


def _counts(condition: str, possible: str = "") -> str:
    """Return two columns: how many commits meet a condition, and how many rows those have."""
    commits, rows = f"commits{possible}", f"rows{possible or '_sent'}"
    unknown = len(_CLASSES) + 1
    return (
        f"sum(CASE WHEN {condition} THEN 1L ELSE 0L END) AS {commits},"
        f" sum(CASE WHEN {condition} THEN c.row_count WHEN n.class = {unknown} THEN NULL"
        f" ELSE 0L END) AS {rows}"
    )


def _name(column: str) -> str:
    whens = " ".join(
        f"WHEN {column} = {index} THEN '{name}'"
        for index, name in enumerate([*(name for name, _ in _CLASSES), _LATEST])
    )
    return f"CASE {whens} ELSE '{_UNKNOWN}' END"


SAVED = (
    SavedQuery(
        "late_arrivals",
        "How late do readings arrive after their interval has ended?",
        late_arrivals_sql(),
        notes_of(late_arrivals_sql),
    ),
)
