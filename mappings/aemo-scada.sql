-- AEMO (Australia): DISPATCHSCADA report, output of generating units every five minutes.
-- Stream: generation_output, with allow_negative = true. Sample: samples/aemo-scada.csv
--
-- Decided: only records "D,DISPATCH,UNIT_SCADA" are readings; comments (C) and headers (I) are left out,
-- other records refused. Times are UTC+10 all year and the end of the five minutes. Auxiliary load makes
-- values negative.
SELECT rec, utc_fixed('+10:00', wall(cell(line, 5), '%Y/%m/%d %H:%M:%S')) - minutes(5) AS ts, cell(line, 5) AS ts_text,
       cell(line, 6) AS plant_id,
       num(cell(line, 7)) AS mw, cell(line, 7) AS mw_text,
       CASE WHEN line NOT LIKE 'D,DISPATCH,UNIT_SCADA,%' THEN 'the record is no D,DISPATCH,UNIT_SCADA' END AS refuse,
       line AS raw
FROM lines($path)
WHERE NOT regexp_matches(line, '^[CI],')
