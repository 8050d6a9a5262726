-- kwh() is NULL for a unit that is no energy; kwh_text is what the refusal quotes.
SELECT rec, t AS ts, id AS meter_id, kwh(num(v, point := ','), u) AS kwh, v || ' ' || u AS kwh_text
FROM csv($path, sep := ';')
