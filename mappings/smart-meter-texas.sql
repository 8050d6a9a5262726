-- Smart Meter Texas: the quarter-hour export (CSV) of a smart meter in ERCOT's area.
-- Stream: meter_usage. Sample: samples/smart-meter-texas.csv
--
-- Decided: times are the start of the interval, local (America/Chicago); the repeated hour is told by
-- the order of the rows. Each interval stands twice, as consumption and as surplus generation: what is
-- fed in is stored under the meter's number with -EXPORT behind it.
WITH readings AS (
    SELECT *,
           id(ESIID) || CASE txt(CONSUMPTION_SURPLUSGENERATION)
               WHEN 'Consumption' THEN '' WHEN 'Surplus Generation' THEN '-EXPORT' END AS key,
           wall(USAGE_DATE || ' ' || txt(USAGE_START_TIME), '%m/%d/%Y %H:%M') AS local
    FROM csv($path)
)
SELECT rec, ts, USAGE_DATE || USAGE_START_TIME AS ts_text,
       key AS meter_id, CONSUMPTION_SURPLUSGENERATION AS meter_id_text,
       num(USAGE_KWH) AS kwh, USAGE_KWH AS kwh_text,
       CASE txt(ESTIMATED_ACTUAL) WHEN 'A' THEN 'VALID' WHEN 'E' THEN 'ESTIMATED'
           ELSE ESTIMATED_ACTUAL END AS quality_flag
FROM by_order(readings, 'America/Chicago')
