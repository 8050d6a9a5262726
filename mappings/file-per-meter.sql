-- One file per meter, named after it: M-221.csv holds the readings of meter M-221.
-- Stream: meter_usage. Sample: samples/file-per-meter/
--
-- Decided: the meter's id is the file's name without its suffix.
SELECT rec, timestamp AS ts, name_of($path) AS meter_id, kWh AS kwh
FROM csv($path)
