-- What went into each feeder at its head, hour by hour?
--
-- One row per hour and node that has measured active power in MW, in this order:
--   ts         start of the hour, UTC
--   feeder_id
--   node_id    two or more of one feeder: which is the head, only you know
--   mean_mw    below 0 where the feeder fed back
--   values     measurements in it, 4 of 15 minutes

SELECT ts, feeder_id, node_id, avg(value) AS mean_mw, count() AS "values"
FROM network_measurements
WHERE quantity = 'active_power' AND unit = 'MW' AND ts >= '2024-06-03' AND ts < '2024-06-04'
SAMPLE BY 1h
ORDER BY ts, feeder_id, node_id;
