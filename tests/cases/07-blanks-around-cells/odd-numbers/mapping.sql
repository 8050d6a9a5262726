SELECT rec, time AS ts, plant AS plant_id, num(mw) AS mw, mw AS mw_text
FROM csv($path)
