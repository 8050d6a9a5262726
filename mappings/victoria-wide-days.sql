-- Victorian distributors (Australia): half hours of the customer portal, one row per day and direction.
-- Stream: meter_usage. Sample: samples/victoria-wide-days.csv
--
-- Decided: a column is the half hour that its name shows, in UTC+10 all year (48 columns on every day, also
-- when the clocks change). Dates are written as the distributor does. Generation is stored with -EXPORT behind the NMI. Empty cells are left out.
SELECT rec, utc_fixed('+10:00', wall("DATE" || ' ' || left(half_hour, 5), ['%d/%m/%Y %H:%M', '%Y-%m-%d %H:%M', '%d/%b/%Y %H:%M'])) AS ts,
       "DATE" || ' ' || half_hour AS ts_text,
       id(NMI) || CASE "CON/GEN" WHEN 'Consumption' THEN '' WHEN 'Generation' THEN '-EXPORT' END AS meter_id,
       "CON/GEN" AS meter_id_text,
       id(NMI) AS premise_id,
       num(energy) AS kwh, energy AS kwh_text,
       CASE left("ESTIMATED?", 1) WHEN 'N' THEN 'VALID' WHEN 'Y' THEN 'ESTIMATED' END AS quality_flag
FROM (UNPIVOT (FROM csv($path)) ON COLUMNS('^\d\d:\d\d - \d\d:\d\d$') INTO NAME half_hour VALUE energy)
WHERE NOT is_blank(energy)
