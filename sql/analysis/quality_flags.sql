-- How do the readings of each day say that they were made?
--
-- One row per day (UTC) and flag, in this order:
--   ts            start of the day
--   quality_flag  as sent; null: not stated
--   readings      how many
--   kwh           their sum as stored, without scale factors

SELECT ts, quality_flag, count() AS readings, sum(kwh) AS kwh
FROM meter_usage
WHERE ts >= '2024-06-03' AND ts < '2024-06-10'
SAMPLE BY 1d
ORDER BY ts, quality_flag;
