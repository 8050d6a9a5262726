-- How late do readings arrive after their interval has ended?
--
-- Lateness = time of the commit - (`ts` + interval). One before the end of the interval counts
-- as below 15 minutes.
--
-- Result columns, one row per class of lateness, from `< 15 min` to `>= 7 d` and `unknown`, also
-- where nothing is in it:
--
-- - `lateness`: the class.
-- - `commits`, `rows_sent`: commits whose every row lies in the class, and their rows. In
--   `unknown`: commits of which QuestDB keeps no times; `rows_sent` is null then.
-- - `commits_possible`, `rows_possible`: commits that may have rows in the class, by their oldest
--   and newest interval, and all of their rows: the upper bound, as `rows_sent` is the lower.
-- - `rows_sent_pct`, `rows_possible_pct`: 100 * that / rows of all commits that are known; null
--   where there are none.
-- - `first_commit`, `last_commit`: of those asked for that QuestDB still knows of, UTC; the same
--   in each row; null if there is none.
--
-- Rows of commits that lie in one class add up exactly; those of commits that span classes are
-- possible in each class from their newest interval's to their oldest's.

WITH commits AS (
SELECT timestamp AS at, rowCount AS row_count, CASE WHEN maxTimestamp IS NULL THEN 5L WHEN timestamp::long - maxTimestamp::long - 900000000 < 900000000 THEN 0L WHEN timestamp::long - maxTimestamp::long - 900000000 < 3600000000 THEN 1L WHEN timestamp::long - maxTimestamp::long - 900000000 < 86400000000 THEN 2L WHEN timestamp::long - maxTimestamp::long - 900000000 < 604800000000 THEN 3L ELSE 4L END AS newest, CASE WHEN minTimestamp IS NULL THEN 5L WHEN timestamp::long - minTimestamp::long - 900000000 < 900000000 THEN 0L WHEN timestamp::long - minTimestamp::long - 900000000 < 3600000000 THEN 1L WHEN timestamp::long - minTimestamp::long - 900000000 < 86400000000 THEN 2L WHEN timestamp::long - minTimestamp::long - 900000000 < 604800000000 THEN 3L ELSE 4L END AS oldest
FROM wal_transactions('meter_usage') WHERE alterCommandType = 0
)
SELECT CASE WHEN class = 0 THEN '< 15 min' WHEN class = 1 THEN '< 1 h' WHEN class = 2 THEN '< 1 d' WHEN class = 3 THEN '< 7 d' WHEN class = 4 THEN '>= 7 d' ELSE 'unknown' END AS lateness, commits, rows_sent, commits_possible, rows_possible, CASE WHEN total > 0 THEN 100.0 * rows_sent / total END AS rows_sent_pct, CASE WHEN total > 0 THEN 100.0 * rows_possible / total END AS rows_possible_pct, first_commit, last_commit
FROM (
SELECT n.class AS class, sum(CASE WHEN c.newest = n.class AND c.oldest = n.class THEN 1L ELSE 0L END) AS commits, sum(CASE WHEN c.newest = n.class AND c.oldest = n.class THEN c.row_count WHEN n.class = 5 THEN NULL ELSE 0L END) AS rows_sent, sum(CASE WHEN c.newest <= n.class AND c.oldest >= n.class THEN 1L ELSE 0L END) AS commits_possible, sum(CASE WHEN c.newest <= n.class AND c.oldest >= n.class THEN c.row_count WHEN n.class = 5 THEN NULL ELSE 0L END) AS rows_possible, sum(c.row_count) AS total, min(c.at) AS first_commit, max(c.at) AS last_commit
FROM (SELECT x - 1 AS class, 1L AS one FROM long_sequence(6)) n LEFT JOIN (SELECT *, 1L AS one FROM commits) c ON c.one = n.one
)
ORDER BY class;
