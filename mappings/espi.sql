-- Green Button (ESPI XML), the format of utilities in the United States and Canada.
-- Stream: meter_usage. Sample: samples/green-button.xml
--
-- Decided: the usage point is the meter; what was received from the customer has -EXPORT behind it, net
-- energy -NET and the sum of both directions -TOTAL, so that none of them replaces another. Energy of
-- intervals and mean power are stored; gas, water, registers that count on, demand and other quantities
-- are left out, and so are readings without a value.
-- This is also what is read without a mapping.
SELECT rec, ts,
       usage_point || CASE flow_direction WHEN 19 THEN '-EXPORT' WHEN 4 THEN '-NET' WHEN 20 THEN '-TOTAL' ELSE '' END AS meter_id,
       kwh, value || coalesce(' ' || unit, '') AS kwh_text,
       upper(quality_name) AS quality_flag
FROM espi($path)
WHERE energy IS NOT FALSE AND value IS NOT NULL
