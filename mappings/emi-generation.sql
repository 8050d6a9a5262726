-- Electricity Authority (New Zealand, EMI): generation by plant, one row per day, columns TP1 to TP50.
-- Stream: generation_output. Sample: samples/emi-generation.csv
--
-- Decided: trading period n is the n-th half hour since local midnight (Pacific/Auckland), by elapsed
-- time: 46, 48 or 50 a day. kWh of a half hour become mean MW. Empty cells are left out.
SELECT rec, utc_nth('Pacific/Auckland', wall(Trading_Date, '%Y-%m-%d'), num(substr(period, 3)), 30) AS ts,
       Trading_Date || ' ' || period AS ts_text,
       Gen_Code AS plant_id, Fuel_Code AS fuel_type,
       mw(num(energy), 'kWh', 30) AS mw, energy AS mw_text
FROM (UNPIVOT (FROM csv($path)) ON COLUMNS('^TP\d+$') INTO NAME period VALUE energy)
WHERE NOT is_blank(energy)
