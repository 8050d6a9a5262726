SELECT rec, epoch_s(num(j->>'t')) AS ts, j->>'t' AS ts_text, j->>'m' AS meter_id, j->>'v' AS kwh
FROM ndjson($path)
