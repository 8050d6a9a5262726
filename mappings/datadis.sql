-- Datadis (Spain): hourly consumption of a supply point (CSV with semicolons).
-- Stream: meter_usage. Sample: samples/datadis.csv
--
-- Decided: fecha and hora are the end of the hour as the clock on the wall shows it, up to 24:00, local
-- (Europe/Madrid; Atlantic/Canary for the Canary Islands). So the hour starts one hour earlier on the
-- wall; which pass of the repeated hour a row belongs to is told by the order of the rows.
-- Real is VALID, Estimada is ESTIMATED.
WITH readings AS (
    SELECT *, id(cups) AS key,
           wall(fecha || ' ' || hora, '%Y/%m/%d %H:%M') - minutes(60) AS local
    FROM csv($path, sep := ';')
)
SELECT rec, ts, fecha || ' ' || hora AS ts_text,
       key AS meter_id,
       num(consumo_kWh, point := ',') AS kwh, consumo_kWh AS kwh_text,
       CASE metodoObtencion WHEN 'Real' THEN 'VALID' WHEN 'Estimada' THEN 'ESTIMATED'
           ELSE metodoObtencion END AS quality_flag
FROM by_order(readings, 'Europe/Madrid')
