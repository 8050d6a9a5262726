-- Octopus Energy (Great Britain): the answer of the consumption API, saved as one JSON document.
-- Stream: meter_usage. Sample: samples/octopus.json
--
-- Decided: the readings are in the list "results"; the start counts and has its offset.
-- Change: the meter's id, which stands in the address that was asked and not in the answer.
SELECT reading->>'interval_start' AS ts,
       'OC-18' AS meter_id,
       reading->>'consumption' AS kwh
FROM (SELECT unnest(j->'$.results[*]') AS reading FROM json_document($path))
