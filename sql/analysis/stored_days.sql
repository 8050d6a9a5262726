-- What is stored, day by day, and how much room does it take?
--
-- One row per partition of the table, by day:
--   day      UTC
--   readings
--   mib      on the disk; the day that is written to keeps room in reserve

SELECT name AS day, numRows AS readings, diskSize / 1048576.0 AS mib
FROM table_partitions('meter_usage')
ORDER BY day;
