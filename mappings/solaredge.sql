-- SolarEdge: energy of a site from the monitoring API, saved as one JSON document.
-- Stream: meter_usage. Sample: samples/solaredge.json
--
-- Decided: times are local without an offset, start of the interval; the repeated hour is told by the
-- order of the values. The unit stands once, above the list. A value that is null is left out.
-- Change: the meter's id and the zone of the site, which stand nowhere in the answer.
WITH list AS (
    SELECT j->>'$.energy.unit' AS unit, unnest(j->'$.energy.values[*]') AS v,
           generate_subscripts(j->'$.energy.values[*]', 1) AS rec
    FROM json_document($path)
), readings AS (
    SELECT rec, unit, v, 'SE-46' AS key, wall(v->>'date', '%Y-%m-%d %H:%M:%S') AS local
    FROM list
    WHERE v->>'value' IS NOT NULL
)
SELECT ts, v->>'date' AS ts_text, key AS meter_id, kwh(num(v->>'value'), unit) AS kwh, v->>'value' AS kwh_text
FROM by_order(readings, 'Europe/Rome')
