-- What did each meter send last?
--
-- One row per meter, the one that has been silent for longest first:
--   ts            start of its latest interval, UTC
--   meter_id
--   kwh           as stored, without its scale factor
--   quality_flag  null: not stated
--   silent_hours  since that interval began

SELECT ts, meter_id, kwh, quality_flag, datediff('m', ts, now()) / 60.0 AS silent_hours
FROM meter_usage
LATEST ON ts PARTITION BY meter_id
ORDER BY ts, meter_id;
