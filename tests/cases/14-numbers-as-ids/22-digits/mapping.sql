-- ->> gives the digits as they stand; a cast to a number would not.
SELECT rec, j->>'t' AS ts, j->>'m' AS meter_id, j->>'v' AS kwh
FROM ndjson($path)
