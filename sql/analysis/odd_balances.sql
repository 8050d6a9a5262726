-- Which stored balances are odd, and why?
--
-- One row per interval and feeder with a warning or worse, the worst first:
--   ts, feeder_id
--   alert       critical or warning
--   cause_hint  where to look first (docs/ANALYSES.md)
--   loss_kwh, loss_pct, coverage_pct
--   quality_score  0 to 1

SELECT ts, feeder_id, alert, cause_hint, loss_kwh, loss_pct, coverage_pct, quality_score
FROM feeder_energy_balance
WHERE alert IN ('warning', 'critical') AND ts >= '2024-06-03' AND ts < '2024-06-10'
ORDER BY loss_kwh DESC
LIMIT 100;
