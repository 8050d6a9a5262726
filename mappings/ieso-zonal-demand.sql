-- IESO (Ontario): hourly demand by zone (CSV), three lines that begin with two backslashes on top.
-- Stream: generation_output. Sample: samples/ieso-zonal-demand.csv
--
-- Decided: hours end at 1 to 24 in Eastern Standard Time (UTC-5) all year, also in summer: a day always
-- has 24 of them. Ontario Demand is stored as one plant, in MW.
-- Change: the plant's id; the column for a zone.
SELECT rec, utc_fixed('-05:00', wall("Date", '%Y-%m-%d') + minutes(60 * (num("Hour") - 1))) AS ts,
       "Date" || ', hour ' || "Hour" AS ts_text,
       'ONTARIO' AS plant_id,
       num("Ontario Demand") AS mw, "Ontario Demand" AS mw_text
FROM csv($path, skip := 3)
