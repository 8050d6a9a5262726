-- What energy went through one meter, and at which mean power, interval by interval?
--
-- One row per stored reading, by time; gaps stay gaps:
--   ts       start of the interval, UTC
--   kwh      energy of the interval, kWh * scale factor (1 without one)
--   mean_kw  kwh * 4: the readings are of 15 minutes; take 2 for 30 minutes, 1 for an hour

WITH factors AS (
  SELECT valid_from, valid_to, scale_factor, lead(valid_from) OVER (ORDER BY valid_from) AS next_from
  FROM meter_scale_map
  WHERE meter_id = 'M-F1-001'
)
SELECT ts, kwh * coalesce(scale_factor, 1.0) AS kwh, kwh * coalesce(scale_factor, 1.0) * 4 AS mean_kw
FROM meter_usage
LEFT JOIN factors ON ts >= valid_from AND (next_from IS NULL OR ts < next_from)
  AND (valid_to IS NULL OR ts < valid_to)
WHERE meter_id = 'M-F1-001' AND ts >= '2024-06-03' AND ts < '2024-06-10'
ORDER BY ts;
