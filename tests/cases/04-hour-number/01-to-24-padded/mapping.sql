SELECT rec, utc_nth('America/Chicago', wall("Date", '%m/%d/%Y'), num("Hour Ending"), 60) AS ts, Meter AS meter_id, Load AS kwh
FROM csv($path)
