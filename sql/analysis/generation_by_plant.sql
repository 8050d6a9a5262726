-- What did each plant or unit generate, day by day?
--
-- One row per day (UTC), plant and unit, in this order:
--   ts        start of the day
--   plant_id
--   unit_id   null: the plant as a whole; do not add its units to it
--   mwh       sum of MW * 0.25 h: the readings are of 15 minutes
--   readings  96 where all of the day are there

SELECT ts, plant_id, unit_id, sum(mw) * 0.25 AS mwh, count() AS readings
FROM generation_output
WHERE ts >= '2024-06-03' AND ts < '2024-06-10'
SAMPLE BY 1d
ORDER BY ts, plant_id, unit_id;
