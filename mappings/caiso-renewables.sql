-- CAISO (California): renewable generation from OASIS (CSV).
-- Stream: generation_output. Sample: samples/caiso-renewables.csv
--
-- Decided: the start in GMT counts, with its offset -00:00. Plant is the trading hub, unit the type.
SELECT rec, instant(INTERVALSTARTTIME_GMT) AS ts, INTERVALSTARTTIME_GMT AS ts_text,
       TRADING_HUB AS plant_id, RENEWABLE_TYPE AS unit_id,
       num(MW) AS mw, MW AS mw_text
FROM csv($path)
