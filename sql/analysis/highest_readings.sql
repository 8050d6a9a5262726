-- Which readings are the highest: a peak, or a register that ran away?
--
-- The 20 highest of the period:
--   ts, meter_id
--   kwh           as stored, without its scale factor
--   quality_flag  null: not stated
--   source_system  who sent it; null: not stated

SELECT ts, meter_id, kwh, quality_flag, source_system
FROM meter_usage
WHERE ts >= '2024-06-03' AND ts < '2024-06-10'
ORDER BY kwh DESC, ts, meter_id
LIMIT 20;
