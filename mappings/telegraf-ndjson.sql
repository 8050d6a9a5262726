-- Collectors such as Telegraf: one JSON object per line, id and value within "tags" and "fields".
-- Stream: meter_usage. Sample: samples/telegraf-ndjson.ndjson
--
-- Decided: a line without fields.kwh is refused. To leave such lines out instead, put
-- WHERE json_exists(j, '$.fields.kwh') at the end. For times that are numbers write
-- epoch_s(j->>'time') or epoch_millis(j->>'time').
SELECT rec, j->>'time' AS ts,
       j->>'$.tags.meter_id' AS meter_id,
       j->>'$.fields.kwh' AS kwh
FROM ndjson($path)
