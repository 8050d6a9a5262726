-- Enedis (France): load curve of a meter (CSV with semicolons), two lines about the meter on top.
-- Stream: meter_usage. Sample: samples/enedis-load-curve.csv
--
-- Decided: the time has its offset and is the end of the half hour. Mean power in W becomes kWh. A half
-- hour without a value is left out. The meter's id (PRM) is the first cell of the line below the one
-- that begins "Identifiant PRM"; if it cannot be read, everything below is refused.
-- Change: 30, in both places, where that line says another length (Pas en minutes).
WITH told AS (
    SELECT rec, line, line LIKE '%Identifiant PRM;%' AS is_head, coalesce(lag(is_head) OVER (ORDER BY rec) AND NOT gap, false) AS is_meter
    FROM lines($path)
), readings AS (
    SELECT *, last_value(CASE WHEN is_meter THEN line WHEN is_head THEN '' END IGNORE NULLS) OVER (ORDER BY rec) AS meter,
           cell(line, 1, sep := ';') AS label, cell(line, 2, sep := ';') AS watts
    FROM told
)
SELECT rec, instant(label) - minutes(30) AS ts, label AS ts_text,
       id(cell(meter, 1, sep := ';')) AS meter_id,
       kwh(num(watts), 'W', 30) AS kwh, watts AS kwh_text,
       -- With the meter, so that it can be corrected and loaded.
       concat_ws(chr(10), 'Identifiant PRM;' || chr(10) || nullif(meter, ''), line) AS raw
FROM readings
WHERE NOT is_head AND NOT is_meter AND line NOT LIKE 'Horodate;%' AND NOT (watts IS NOT NULL AND is_blank(watts))
