-- Which part of each feeder's losses goes with its load squared, which part is fixed?
--
-- A straight line by least squares through the intervals of a feeder: mean loss in kW over mean demand in
-- kW, squared. What is there without a load (iron of transformers, standing consumption) is the fixed part,
-- what grows with the current squared the variable part. Taken are intervals of which every reading is
-- there, without generation on the feeder and with a demand above 0: elsewhere the flow in the wires is not
-- the demand.
--
-- Columns, one row per feeder with such an interval, ordered by feeder_id:
--   feeder_id, interval_count  the intervals taken
--   r2                    share of the variance of the losses that the line explains, 0..1; null where load
--                         or losses do not vary
--   sound                 at least 96 intervals, r2 at least 0.5, and neither part below 0; else the columns
--                         below are null: a line through them would say nothing
--   fixed_kw              loss without load
--   variable_kw_per_kw2   loss in kW per kW of demand squared
--   fixed_kwh, variable_kwh  both over the intervals taken; their sum is the measured loss
-- A sound line does not prove that losses follow the square: over a small range of loads, losses in
-- proportion to the load fit it as well. The mean of a day hides the square of its peaks.
--
-- Parameters: those of feeder_balance
-- Reads: meter_usage, generation_output, network_measurements
-- Uses: feeder_balance

WITH
points AS (
  SELECT feeder_id, interval_minutes / 60.0 AS hours, loss_kwh / hours AS loss_kw, (demand_kwh / hours) ^ 2 AS kw2
  FROM feeder_balance
  WHERE loss_kwh IS NOT NULL AND present_readings = expected_readings AND generation_kwh = 0 AND demand_kwh > 0
),
lines AS (
  SELECT feeder_id, count(*) AS interval_count,
    CASE WHEN var_pop(loss_kw) > 0 AND var_pop(kw2) > 0 THEN corr(loss_kw, kw2) ^ 2 END AS r2,
    CASE WHEN var_pop(kw2) > 0 THEN regr_intercept(loss_kw, kw2) END AS fixed,
    CASE WHEN var_pop(kw2) > 0 THEN regr_slope(loss_kw, kw2) END AS slope,
    sum(points.hours) AS hours, sum(kw2 * points.hours) AS kw2_hours
  FROM points
  GROUP BY feeder_id
)
SELECT feeder_id, interval_count, r2,
  coalesce(interval_count >= 96 AND r2 >= 0.5 AND fixed >= 0 AND slope >= 0, false) AS sound,
  CASE WHEN sound THEN fixed END AS fixed_kw,
  CASE WHEN sound THEN slope END AS variable_kw_per_kw2,
  CASE WHEN sound THEN fixed * hours END AS fixed_kwh,
  CASE WHEN sound THEN slope * kw2_hours END AS variable_kwh
FROM lines
ORDER BY feeder_id
