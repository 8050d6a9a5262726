-- Low Carbon London: half-hourly readings of 5,567 households (CSV), a public data set.
-- Stream: meter_usage. Sample: samples/low-carbon-london.csv
--
-- Decided: times are UTC, start of the half hour. In the file the last column's name ends with a blank,
-- and values have blanks around them. Rows with Null are no readings and are left out.
SELECT rec, instant(DateTime || 'Z') AS ts, DateTime AS ts_text,
       id(LCLid) AS meter_id,
       num("KWH/hh (per half hour)") AS kwh, "KWH/hh (per half hour)" AS kwh_text
FROM csv($path)
WHERE NOT is_blank("KWH/hh (per half hour)", ['Null'])
