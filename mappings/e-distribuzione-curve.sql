-- e-distribuzione (Italy): load curve, one row per day, 96 columns for the quarter hours of the clock.
-- Stream: meter_usage. Sample: samples/e-distribuzione-curve.csv
--
-- Decided: a column is the time that its name shows, local (Europe/Rome), on every day. When summer time
-- ends the columns from 02:00 to 03:00 hold the first pass of the repeated hour; the file knows nothing
-- of the second. When it begins these columns have no time: with a value they are refused, empty ones
-- are left out.
-- Change: the meter's id, which stands nowhere in the file.
SELECT rec, utc_first('Europe/Rome', wall(Giorno || ' ' || left(quarter, 5), '%d/%m/%Y %H:%M')) AS ts,
       Giorno || ' ' || quarter AS ts_text,
       'IT-28' AS meter_id,
       num(energy, point := ',') AS kwh, energy AS kwh_text
FROM (UNPIVOT (FROM csv($path, sep := ';')) ON COLUMNS('^\d\d:\d\d-\d\d:\d\d$') INTO NAME quarter VALUE energy)
WHERE NOT is_blank(energy)
