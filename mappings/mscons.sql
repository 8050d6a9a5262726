-- MSCONS (EDIFACT), the meter values of the German and Austrian market.
-- Stream: meter_usage. Sample: samples/mscons.edi
--
-- Decided: the place of metering (LOC+172) is the meter; feed-in (OBIS x:2.*) has -EXPORT behind it.
-- Active energy of intervals is stored; registers that count on (x.8.x), reactive energy, gas, values
-- that are said to be unusable (20) and quantities without a value are left out. Quantity 220 is VALID,
-- 67 ESTIMATED. This is also what is read without a mapping.
SELECT rec, ts, from_text AS ts_text,
       location || CASE WHEN regexp_matches(product, ':2\.') THEN '-EXPORT' ELSE '' END AS meter_id,
       kwh, value || coalesce(' ' || unit, '') AS kwh_text,
       CASE quantity_name WHEN 'true' THEN 'VALID' WHEN 'substitute' THEN 'ESTIMATED' ELSE upper(quantity_name) END AS quality_flag,
       sender AS source_system
FROM mscons($path)
WHERE value IS NOT NULL AND quantity_code IS DISTINCT FROM '20'
  AND (to_ts IS NOT NULL OR to_text IS NOT NULL)
  AND (product IS NULL OR regexp_matches(product, '^1-[^:]*:[12]\.') AND NOT regexp_matches(product, ':[12]\.8\.'))
