SELECT rec, ts, meter_id, kwh
FROM csv($path)
WHERE ts IS DISTINCT FROM 'ts' AND ts IS DISTINCT FROM 'Total'
