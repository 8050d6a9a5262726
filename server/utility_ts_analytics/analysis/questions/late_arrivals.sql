-- How late do readings arrive after their interval has ended?
--
-- What QuestDB's log still knows of its commits, asked by the time of the commit. No table holds a time of
-- arrival (docs/decisions/0033-received-at.md), so lateness = time of the commit - (ts + interval) is known
-- between two bounds: no row of a commit is later than its oldest interval, none less late than its newest.
-- One before the end of the interval counts as below 15 minutes.
--
-- Columns, one row per class of lateness, from "< 15 min" to ">= 7 d" and "unknown", also empty ones:
--   lateness
--   commits, rows_sent  commits whose every row lies in the class, and their rows; rows_sent is null in
--                       unknown: commits of which QuestDB keeps no times (see docs/ANALYSES.md)
--   commits_possible, rows_possible  commits that may have rows in the class, and all of their rows: the
--                       upper bound, as rows_sent is the lower
--   rows_sent_pct, rows_possible_pct  of all rows of known commits; null where there are none
--   first_commit, last_commit  of those asked for that QuestDB still knows of, UTC; the same in each row
-- Rows count as they were sent: one that is posted again is late again, though the table keeps one.
--
-- Parameters:
--   $interval_minutes = 15   length of the readings: one is there at the earliest when its interval ended
-- Reads: commits

WITH
classes AS (
  FROM (VALUES (0, '< 15 min'), (1, '< 1 h'), (2, '< 1 d'), (3, '< 7 d'), (4, '>= 7 d'), (5, 'unknown'))
  AS classes (class, lateness)
),
asked AS (
  SELECT committed_at, row_count,
    class_of_lateness(committed_at - (newest + minutes($interval_minutes))) AS newest,
    class_of_lateness(committed_at - (oldest + minutes($interval_minutes))) AS oldest
  FROM commits
  WHERE committed_at >= $from AND committed_at < $to
)
SELECT lateness,
  count(*) FILTER (newest = class AND oldest = class) AS commits,
  CASE WHEN class < 5 THEN coalesce(sum(row_count) FILTER (newest = class AND oldest = class), 0) END AS rows_sent,
  count(*) FILTER (newest <= class AND oldest >= class) AS commits_possible,
  CASE WHEN class < 5 THEN coalesce(sum(row_count) FILTER (newest <= class AND oldest >= class), 0) END AS rows_possible,
  percent(rows_sent, sum(row_count)) AS rows_sent_pct,
  percent(rows_possible, sum(row_count)) AS rows_possible_pct,
  min(committed_at) AS first_commit, max(committed_at) AS last_commit
FROM classes LEFT JOIN asked ON true
GROUP BY class, lateness
ORDER BY class
