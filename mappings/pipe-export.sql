-- A pipe-separated .dat file without a header; header, data and trailer records are told apart by their
-- first cell. Date and time in two columns, mean power of the half hour.
-- Stream: meter_usage. Sample: samples/pipe-export.dat
--
-- Decided: records D are readings; header and trailer (H, T) are left out, other lines refused. UTC+2 all year, start of the half hour. kW and kvar become kWh
-- and kvarh. 0 is VALID, 1 is ESTIMATED, any other state stays as it is.
WITH readings AS (
    SELECT rec, line, cell(line, 2, sep := '|') AS meter, cell(line, 3, sep := '|') AS premise,
           cell(line, 4, sep := '|') || ' ' || cell(line, 5, sep := '|') AS time,
           cell(line, 6, sep := '|') AS kw, cell(line, 7, sep := '|') AS kvar, cell(line, 8, sep := '|') AS state
    FROM lines($path)
    WHERE NOT regexp_matches(line, '^[HT]\|')
)
SELECT rec, utc_fixed('+02:00', wall(time, '%Y%m%d %H%M%S')) AS ts, time AS ts_text,
       meter AS meter_id, txt(premise) AS premise_id,
       kwh(num(kw), 'kW', 30) AS kwh, kw AS kwh_text,
       kwh(num(kvar), 'kW', 30) AS kvarh, txt(kvar) AS kvarh_text,
       CASE state WHEN '0' THEN 'VALID' WHEN '1' THEN 'ESTIMATED' ELSE state END AS quality_flag,
       CASE WHEN line NOT LIKE 'D|%' THEN 'the record is none of H, D and T' END AS refuse,
       line AS raw
FROM readings
