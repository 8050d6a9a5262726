-- A text is a time with its offset, a number is milliseconds since 1970.
SELECT rec, CASE json_type(j->'t') WHEN 'VARCHAR' THEN instant(j->>'t') ELSE epoch_millis(num(j->>'t')) END AS ts,
       j->>'t' AS ts_text, j->>'m' AS meter_id, j->>'v' AS kwh
FROM ndjson($path)
