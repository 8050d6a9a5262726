-- Generation as energy: MWh of each quarter hour, labelled with its end in UTC.
-- Stream: generation_output. Sample: samples/generation-mwh.csv
--
-- Decided: MWh of 15 minutes become mean MW; the interval starts 15 minutes before its label. Another
-- fuel than PV and WA refuses the row.
SELECT rec, instant(interval_end_utc || 'Z') - minutes(15) AS ts, interval_end_utc AS ts_text,
       plant AS plant_id, unit AS unit_id,
       mw(num(net_mwh), 'MWh', 15) AS mw, net_mwh AS mw_text,
       CASE fuel WHEN 'PV' THEN 'SOLAR' WHEN 'WA' THEN 'HYDRO' END AS fuel_type, fuel AS fuel_type_text
FROM csv($path)
