WITH readings AS (SELECT *, mpan AS key, wall(time, '%Y-%m-%d %H:%M') AS local FROM csv($path))
SELECT rec, ts, time AS ts_text, key AS meter_id, kWh AS kwh
FROM by_order(readings, 'Europe/London')
