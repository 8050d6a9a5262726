-- A CSV export of a head-end: German column names, local time, decimal commas, energy in Wh.
-- Stream: meter_usage. Sample: samples/csv-local-time.csv
--
-- Decided: the time is what the clock shows at the end of the quarter hour (Europe/Berlin); the interval
-- starts 15 minutes earlier. The repeated hour is told by the order of the rows of each meter. "-" and
-- empty cells mean no value; a reading without energy is refused. Another state than W, E and * refuses the row.
WITH readings AS (
    SELECT *, id("Zähler") AS key, wall(Zeitstempel, '%d.%m.%Y %H:%M') AS local
    FROM csv($path, sep := ';')
)
SELECT rec, ts - minutes(15) AS ts, Zeitstempel AS ts_text,
       key AS meter_id,
       kwh(num(Wirkarbeit, point := ','), 'Wh') AS kwh, Wirkarbeit AS kwh_text,
       kwh(num(Blindarbeit, point := ','), 'Wh') AS kvarh, CASE WHEN NOT is_blank(Blindarbeit, ['-']) THEN Blindarbeit END AS kvarh_text,
       CASE Status WHEN 'W' THEN 'VALID' WHEN 'E' THEN 'ESTIMATED' WHEN '*' THEN 'MISSING' END AS quality_flag,
       Status AS quality_flag_text,
       'HES-NORD' AS source_system
FROM by_order(readings, 'Europe/Berlin')
