-- Is data arriving, and is it complete?
--
-- One row per hour with readings, by time:
--   ts         start of the hour, UTC
--   readings   that start in it
--   meters     that they are of; complete is readings = meters * 4 for readings of 15 minutes
--   estimated  readings with the flag ESTIMATED

SELECT ts, count() AS readings, count_distinct(meter_id) AS meters,
  sum(CASE WHEN quality_flag = 'ESTIMATED' THEN 1 ELSE 0 END) AS estimated
FROM meter_usage
WHERE ts >= '2024-06-03' AND ts < '2024-06-04'
SAMPLE BY 1h;
