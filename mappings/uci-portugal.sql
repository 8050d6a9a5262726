-- UCI ElectricityLoadDiagrams20112014 (Portugal): quarter hours, one column for each of 370 meters.
-- Stream: meter_usage. Sample: samples/uci-portugal.txt
--
-- Decided: the time is the end of the quarter hour, taken as UTC. Mean power in kW becomes kWh. The
-- first column has no name in the file: it is called column0, or column000 where there are hundreds.
SELECT rec, instant(label || 'Z') - minutes(15) AS ts, label AS ts_text,
       meter AS meter_id,
       kwh(num(kw, point := ','), 'kW', 15) AS kwh, kw AS kwh_text
FROM (UNPIVOT (SELECT *, COLUMNS('^column0+$') AS label FROM csv($path, sep := ';'))
      ON COLUMNS('^MT_') INTO NAME meter VALUE kw)
