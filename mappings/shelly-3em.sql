-- Shelly Pro 3EM: energy by minute (CSV of the device), three phases, both directions.
-- Stream: meter_usage. Sample: samples/shelly-3em.csv
--
-- Decided: the time is seconds since 1970, start of the minute. Wh of the three phases are added, exactly.
-- Each record gives two readings: energy drawn, and energy returned with -EXPORT behind the meter's id.
-- A record in which a phase is missing is refused.
-- Change: the meter's id, which stands nowhere in the file.
WITH sums AS (
    SELECT *, num(a_total_act_energy) + num(b_total_act_energy) + num(c_total_act_energy) AS drawn,
           num(a_total_act_ret_energy) + num(b_total_act_ret_energy) + num(c_total_act_ret_energy) AS returned
    FROM csv($path)
), readings AS (
    SELECT rec, timestamp, unnest([{'meter': 'SH-54', 'wh': drawn}, {'meter': 'SH-54-EXPORT', 'wh': returned}], recursive := true)
    FROM sums
)
SELECT rec, epoch_s(num(timestamp)) AS ts, timestamp AS ts_text, meter AS meter_id, kwh(wh, 'Wh') AS kwh
FROM readings
